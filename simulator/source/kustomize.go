package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// Errors about kustomizations.
var (
	ErrRemote     = errors.New("is remote, and nothing is fetched")
	ErrHelmCharts = errors.New("asks for helm charts, and no program is run")
)

// Kustomize renders kustomizations, as kubectl kustomize does but without a network and without
// plugins, and writes them as one cluster, as [Manifests] does. The origin of an object is the file
// that kustomize had it from, with its line where that is certain; of what kustomize generated, the
// kustomization. anywhere allows files outside of the folder of a kustomization.
func Kustomize(ctx context.Context, w *capture.Writer, cluster capture.Cluster, folders []string, anywhere, strict bool) (Summary, error) {
	cluster.Source = "kustomize"
	sum := Summary{Files: len(folders)}
	var inputs []input
	for _, folder := range folders {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		more, err := kustomization(folder, anywhere)
		if err != nil {
			return sum, fmt.Errorf("render %s: %w", folder, err)
		}
		inputs = append(inputs, more...)
	}
	return sum, write(ctx, w, cluster, &sum, inputs, folders, strict)
}

// kustomization renders one of them.
func kustomization(folder string, anywhere bool) ([]input, error) {
	root, err := filepath.Abs(folder) // what is absolute is never remote
	if err != nil {
		return nil, err
	}
	guarded, err := newGuard(folder)
	if err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified // kubectl's
	if anywhere {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	var made resmap.ResMap
	guarded.offline(func() { made, err = krusty.MakeKustomizer(options).Run(guarded, root) })
	if err := cmp.Or(guarded.refused, unquoted(err)); err != nil {
		return nil, err
	}
	origins := make([]*resource.Origin, made.Size())
	for i, r := range made.Resources() {
		origins[i], _ = r.GetOrigin() // an annotation that is none says nothing
	}
	if !guarded.annotates {
		if err := made.RemoveOriginAnnotations(); err != nil {
			return nil, err
		}
	}
	var inputs []input
	for i, r := range made.Resources() {
		content, err := r.AsYAML()
		if err != nil {
			return nil, unquoted(err)
		}
		file, line := placeOf(folder, origins[i], r)
		inputs = append(inputs, rendered(file, line, content))
	}
	return inputs, nil
}

// placeOf is where the source of a resource is.
func placeOf(folder string, origin *resource.Origin, r *resource.Resource) (file string, line int) {
	if origin == nil || origin.Path == "" && origin.ConfiguredIn == "" {
		return filepath.ToSlash(folder), 0
	}
	name := filepath.Join(folder, cmp.Or(origin.Path, origin.ConfiguredIn))
	if origin.Path != "" {
		line = lineOf(name, r.GetKind(), r.GetName())
	}
	return filepath.ToSlash(name), line
}

// lineOf is the line of a document of a kind and name in a file. kustomize may have changed the
// name: then it is that of the only document of the kind, or none.
func lineOf(file, kind, name string) int {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	documents := slices.DeleteFunc(manifest.Split(content), func(d manifest.Document) bool { return d.Object["kind"] != kind })
	if len(documents) == 1 {
		return documents[0].Line
	}
	documents = slices.DeleteFunc(documents, func(d manifest.Document) bool {
		meta, _ := d.Object["metadata"].(map[string]any)
		return text(meta, "name") != name
	})
	if len(documents) == 1 {
		return documents[0].Line
	}
	return 0
}

// quoted is what kustomize quotes of the files that it reads: it may be a Secret's.
var quoted = regexp.MustCompile("`[^`]*`|literal sources? [^,:]*")

func unquoted(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(quoted.ReplaceAllString(err.Error(), "…"))
}
