package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
	"github.com/seatrial/seatrial/simulator/policy"
)

// path is where a file of the suite is.
func (s *Suite) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// documents reads the documents of a file.
func (s *Suite) documents(name string) ([]manifest.Document, error) {
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		return nil, fmt.Errorf("%s: files are not fetched; save it beside the suite", name)
	}
	content, err := os.ReadFile(s.path(name))
	if err != nil {
		return nil, err
	}
	var docs []manifest.Document
	for _, doc := range manifest.Split(content) {
		if doc.Err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, doc.ErrAt, doc.Err)
		}
		if !doc.Empty && doc.Object != nil {
			docs = append(docs, doc)
		}
	}
	return docs, nil
}

// one reads a file with one document strictly.
func (s *Suite) one(name string, into any) error {
	docs, err := s.documents(name)
	if err != nil {
		return err
	}
	if len(docs) != 1 {
		return fmt.Errorf("%s: holds %d documents, want one", name, len(docs))
	}
	if at, err := decode(docs[0], into); err != nil {
		return fmt.Errorf("%s:%d: %w", name, at, err)
	}
	return nil
}

// files are the YAML files that names stand for: a folder is those in it, not those below it.
func (s *Suite) files(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		if info, err := os.Stat(s.path(name)); err != nil || !info.IsDir() {
			all = append(all, name) // reading it says what is wrong
			continue
		}
		entries, err := os.ReadDir(s.path(name))
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, e := range entries { // sorted by name
			if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
				all = append(all, filepath.Join(name, e.Name()))
			}
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: the folder holds no .yaml or .yml file", name)
		}
	}
	return all, nil
}

// resources reads objects from files and folders, each name once.
func (s *Suite) resources(discovery *capture.Resources, names []string) ([]resource, error) {
	names, err := s.files(names)
	if err != nil {
		return nil, err
	}
	var all []resource
	for _, name := range names {
		docs, err := s.documents(name)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			r, err := newResource(discovery, doc.Object)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, doc.Line, err)
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// policies reads the policies and the exceptions.
func (s *Suite) policies(ctx context.Context) (*policy.Set, error) {
	var objects, others []policy.Object
	seen := map[string]bool{}
	for i, name := range append(append([]string{}, s.Test.Policies...), s.Test.PolicyExceptions...) {
		set, err := policy.Load(ctx, s.path(name), policy.Options{AsWritten: true})
		switch {
		case errors.Is(err, policy.ErrEmpty) && i >= len(s.Test.Policies):
			return nil, fmt.Errorf("%s: holds no exception", name)
		case errors.Is(err, policy.ErrEmpty):
			continue // a file of other objects
		case err != nil:
			return nil, err
		}
		if len(set.Problems) > 0 {
			p := set.Problems[0]
			return nil, fmt.Errorf("%s:%d: %s", within(name, p.File), p.Line, p.Reason)
		}
		for _, o := range set.Objects {
			o.File = within(name, o.File)
			key := o.APIVersion + " " + o.Kind + " " + o.Namespace + " " + o.Name
			if !seen[key] {
				objects = append(objects, o)
			}
			seen[key] = true
		}
		others = append(others, set.Others...)
	}
	set := policy.FromObjects(s.Path, objects)
	set.Others = others
	return set, nil
}

// within is how a suite names a file that was read of a path: of the file itself, or of a folder.
func within(name, file string) string {
	if filepath.Base(name) == file {
		return filepath.ToSlash(name)
	}
	return filepath.ToSlash(filepath.Join(name, file))
}
