package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
	"github.com/seatrial/seatrial/simulator/policy"
)

// resource is an object that a suite names.
type resource struct {
	object  map[string]any
	content json.RawMessage
	head
}

type head struct{ apiVersion, kind, namespace, name string }

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

// resources reads objects from files, each name once.
func (s *Suite) resources(discovery *capture.Resources, names []string) ([]resource, error) {
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

// newResource is an object as an API server would have it: with a namespace where its kind
// has one, and without maps that are null.
func newResource(discovery *capture.Resources, object map[string]any) (resource, error) {
	r := resource{object: object}
	r.apiVersion, _ = object["apiVersion"].(string)
	r.kind, _ = object["kind"].(string)
	fillMaps(object)
	meta, _ := object["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		object["metadata"] = meta
	}
	r.name, _ = meta["name"].(string)
	r.namespace, _ = meta["namespace"].(string)
	if _, namespaced, _ := discovery.ResourceFor(capture.ParseGVK(r.apiVersion, r.kind)); namespaced && r.namespace == "" {
		r.namespace = "default"
		meta["namespace"] = r.namespace
	}
	var err error
	r.content, err = json.Marshal(object)
	return r, err
}

// mapFields are written without a value by many charts.
var mapFields = map[string]bool{"annotations": true, "labels": true, "matchLabels": true, "nodeSelector": true, "data": true, "stringData": true}

func fillMaps(node any) {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			fillMaps(item)
		}
	case map[string]any:
		for key, value := range node {
			if value == nil && mapFields[key] {
				node[key] = map[string]any{}
				continue
			}
			fillMaps(value)
		}
	}
}

// policies reads the policies and the exceptions.
func (s *Suite) policies(ctx context.Context) (*policy.Set, error) {
	var objects, others []policy.Object
	seen := map[string]bool{}
	for _, name := range append(append([]string{}, s.Test.Policies...), s.Test.PolicyExceptions...) {
		set, err := policy.Load(ctx, s.path(name), policy.Options{AsWritten: true})
		if err != nil && !errors.Is(err, policy.ErrEmpty) {
			return nil, err
		}
		if err != nil {
			continue // a file of other objects
		}
		if len(set.Problems) > 0 {
			p := set.Problems[0]
			return nil, fmt.Errorf("%s:%d: %s", name, p.Line, p.Reason)
		}
		for _, o := range set.Objects {
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
