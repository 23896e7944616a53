package source

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// sort puts what was rendered in order, without what is no object.
func (r *rendering) sort(files map[string]string) error {
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	if err := r.readable(files); err != nil {
		return err
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return err
	}
	if !r.opt.NoCRDs {
		definitions := r.chart.CRDObjects()
		slices.SortStableFunc(definitions, func(a, b chart.CRD) int { return strings.Compare(a.Filename, b.Filename) })
		for _, d := range definitions { // they are no templates: their lines are those of the file
			r.add(input{name: r.file(d.Filename), read: func() ([]byte, error) { return d.File.Data, nil }})
		}
	}
	for _, m := range manifests {
		r.add(rendered(r.file(m.Name), 0, []byte(m.Content)))
	}
	for _, h := range hooks {
		if !slices.ContainsFunc(h.Events, func(e release.HookEvent) bool { return e != release.HookTest }) {
			r.sum.Tests++
			continue
		}
		r.add(rendered(r.file(h.Path), 0, []byte(h.Manifest)))
	}
	return nil
}

// readable tells of the first document that is no YAML. Helm would install nothing of the chart.
func (r *rendering) readable(files map[string]string) error {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, document := range manifest.Split([]byte(files[name])) {
			if document.Err != nil {
				return fmt.Errorf("%s, line %d of what it renders: %w", r.file(name), max(document.ErrAt, document.Line), document.Err)
			}
		}
	}
	return nil
}

func (r *rendering) add(in input) {
	in.namespace = r.opt.namespace()
	r.inputs = append(r.inputs, in)
}

// file is where a file of the chart is: Helm starts its name with that of the chart.
func (r *rendering) file(name string) string {
	inside := strings.TrimPrefix(filepath.ToSlash(name), r.chart.Name()+"/")
	return path.Join(filepath.ToSlash(r.path), inside)
}
