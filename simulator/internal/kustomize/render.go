// Package kustomize renders kustomizations, as kubectl kustomize does but without a network and without
// plugins: what would be fetched or run is refused. It is the only importer of kustomize.
package kustomize

import (
	"cmp"
	"errors"
	"path/filepath"
	"regexp"
	"slices"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// Errors about kustomizations.
var (
	ErrRemote     = errors.New("is remote, and nothing is fetched")
	ErrHelmCharts = errors.New("asks for helm charts, and no program is run")
)

// Object is one that a kustomization renders. File is the one that kustomize had it from, beginning with
// the folder as it was given; of what kustomize generated, the kustomization. Line is 0 where it is not certain.
type Object struct {
	File    string
	Line    int
	Content []byte // YAML
}

// Rendering is what a kustomization renders.
type Rendering struct {
	Objects []Object
	Read    map[string]bool // the files that were read, by their names relative to the folder
}

// Render renders the kustomization in a folder, in the order of kubectl. anywhere allows files outside of
// the folder of a kustomization. Errors quote nothing of the files: it may be a Secret's.
func Render(files Files, folder string, anywhere bool) (*Rendering, error) {
	root, err := filepath.Abs(folder) // what is absolute is never remote
	if err != nil {
		return nil, err
	}
	guarded, err := newGuard(files, folder)
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
	objects := make([]Object, 0, made.Size())
	for i, r := range made.Resources() {
		content, err := r.AsYAML()
		if err != nil {
			return nil, unquoted(err)
		}
		file, line := placeOf(files, folder, origins[i], r)
		objects = append(objects, Object{file, line, content})
	}
	return &Rendering{objects, guarded.read}, nil
}

// placeOf is where the source of a resource is.
func placeOf(files Files, folder string, origin *resource.Origin, r *resource.Resource) (file string, line int) {
	if origin == nil || origin.Path == "" && origin.ConfiguredIn == "" {
		return filepath.ToSlash(folder), 0
	}
	name := filepath.Join(folder, cmp.Or(origin.Path, origin.ConfiguredIn))
	if origin.Path != "" {
		line = lineOf(files, name, r.GetKind(), r.GetName())
	}
	return filepath.ToSlash(name), line
}

// lineOf is the line of a document of a kind and name in a file. kustomize may have changed the
// name: then it is that of the only document of the kind, or none.
func lineOf(files Files, file, kind, name string) int {
	content, err := files.ReadFile(file)
	if err != nil {
		return 0
	}
	documents := slices.DeleteFunc(manifest.Split(content), func(d manifest.Document) bool { return d.Object["kind"] != kind })
	if len(documents) == 1 {
		return documents[0].Line
	}
	documents = slices.DeleteFunc(documents, func(d manifest.Document) bool {
		meta, _ := d.Object["metadata"].(map[string]any)
		return meta["name"] != name
	})
	if len(documents) == 1 {
		return documents[0].Line
	}
	return 0
}

// quoted is what kustomize quotes of the files that it reads: it may be a Secret's.
var quoted = regexp.MustCompile("`[^`]*`|literal sources? [^,:]*|patch: \"(\\\\.|[^\"\\\\])*\"")

func unquoted(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(quoted.ReplaceAllString(err.Error(), "…"))
}
