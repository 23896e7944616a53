package suite

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/seatrial/seatrial/simulator/capture"
)

// resource is an object that a suite names.
type resource struct {
	object  map[string]any
	content json.RawMessage
	head
}

type head struct{ apiVersion, kind, namespace, name string }

// newResource is an object as an API server would have it: with a namespace where its kind
// has one, and without maps that are null.
func newResource(discovery *capture.Resources, object map[string]any) (resource, error) {
	r := resource{object: object}
	if err := misread(object); err != nil {
		return r, err
	}
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

// misread finds what YAML does not read as the string that it should be, such as a name n: it is false.
func misread(object map[string]any) error {
	fields := map[string]any{"apiVersion": object["apiVersion"], "kind": object["kind"]}
	if meta, ok := object["metadata"].(map[string]any); ok {
		for _, key := range []string{"name", "generateName", "namespace"} {
			fields["metadata."+key] = meta[key]
		}
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if _, is := fields[field].(string); !is && fields[field] != nil {
			return fmt.Errorf("%s is no string: put it into quotes", field)
		}
	}
	return nil
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
