package policy

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/kustomize"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// A folder with a kustomization is rolled out as kustomize builds it: patched, prefixed, and without the
// files that the kustomization does not take.

// NotTaken is the reason for which a document of such a folder is passed over.
const NotTaken = "the kustomization of the folder does not take it"

// kustomization is the file that kustomize builds a folder by; its name is "" where there is none, or where
// the file of the name is another tool's.
func kustomization(in []file) file {
	for _, f := range in {
		if !kustomize.IsFile(f.name) {
			continue
		}
		if slices.ContainsFunc(manifest.Split(f.content), func(d manifest.Document) bool { return d.Object != nil && isKustomize(d.Object) }) {
			return f
		}
	}
	return file{}
}

// isKustomize tells kustomizations from Flux's objects of that kind. kustomize asks for no apiVersion and kind.
func isKustomize(object map[string]any) bool {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	return (apiVersion == "" || strings.HasPrefix(apiVersion, "kustomize.config.k8s.io/")) && (kind == "" || kind == "Kustomization" || kind == "Component")
}

// build is what a kustomization makes of a folder whose own files are written.
func build(files kustomize.Files, folder, by string, written *Set) (*Set, error) {
	made, err := kustomize.Render(files, folder, false)
	if err != nil {
		return nil, &BuildError{File: path.Join(written.Source, by), Err: err}
	}
	set := &Set{Source: written.Source, Revision: written.Revision, Kustomization: by}
	for _, o := range made.Objects {
		name, err := filepath.Rel(folder, filepath.FromSlash(o.File))
		if err != nil {
			name = o.File
		}
		set.read(file{name: filepath.ToSlash(name), content: o.Content, rendered: true, line: o.Line}, "")
	}
	set.passOver(written, made.Read)
	set.complete()
	return set, nil
}

// passOver notes what a folder holds besides what was read to render it.
func (s *Set) passOver(written *Set, read map[string]bool) {
	for _, o := range slices.Concat(written.Objects, written.Others) {
		if !read[o.File] {
			s.Ignored = append(s.Ignored, Problem{File: o.File, Line: o.Line, Policy: o.Title(), Reason: NotTaken})
		}
	}
	for _, p := range slices.Concat(written.Problems, written.Ignored) {
		switch {
		case read[p.File], kustomize.IsFile(path.Base(p.File)), p.Reason == Outside: // kustomize follows links itself
			continue
		case !strings.HasPrefix(p.Reason, OfSuite):
			p.Reason = NotTaken
		}
		s.Ignored = append(s.Ignored, p)
	}
}

// BuildError says why kustomize cannot build a folder of policies.
type BuildError struct {
	File string // the kustomization
	Err  error
}

// Error returns the reason, and what to do.
func (e *BuildError) Error() string {
	hint := "kubectl kustomize may say more, and what it prints is a set as well"
	switch {
	case errors.Is(e.Err, kustomize.ErrRemote):
		hint = "keep a copy of it in the repository, or give the file that kubectl kustomize prints"
	case errors.Is(e.Err, kustomize.ErrHelmCharts):
		hint = "give the file that kubectl kustomize --enable-helm prints"
	}
	return fmt.Sprintf("%s: %v (hint: %s)", e.File, e.Err, hint)
}

// Unwrap returns the reason.
func (e *BuildError) Unwrap() error { return e.Err }
