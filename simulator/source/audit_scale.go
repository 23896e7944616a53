package source

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seatrial/seatrial/simulator/capture"
)

// scalePaths are where an object has what its scale says.
type scalePaths struct {
	Replicas string `json:"specReplicasPath"`
	Now      string `json:"statusReplicasPath"`
	Selector string `json:"labelSelectorPath"`
	builtin  bool
}

// scale is the scale of the last known state of an object, as far as it says.
func (a *auditor) scale(r *capture.Record) map[string]any {
	known := a.state[keyOf(r)]
	paths := a.scalePaths(r.Resource)
	if paths == nil || known["spec"] == nil {
		return nil
	}
	meta := map[string]any{"name": r.Name}
	old, _ := known["metadata"].(map[string]any)
	for _, field := range []string{"namespace", "uid", "resourceVersion", "creationTimestamp"} {
		if value, ok := old[field]; ok {
			meta[field] = value
		}
	}
	spec, status := map[string]any{}, map[string]any{"replicas": 0}
	switch n, ok := at(known, paths.Replicas); {
	case ok && n != float64(0) && n != int64(0): // a scale does not write none
		spec["replicas"] = n
	case !ok && paths.builtin:
		spec["replicas"] = 1 // by default
	}
	if n, ok := at(known, paths.Now); ok {
		status["replicas"] = n
	}
	if selector := paths.selector(known); selector != "" {
		status["selector"] = selector
	}
	return map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": meta, "spec": spec, "status": status}
}

// scalePaths are those of a resource; nil where nobody knows them.
func (a *auditor) scalePaths(gvr capture.GVR) *scalePaths {
	if gvr.Group == "apps" || gvr.Group == "" {
		return &scalePaths{Replicas: ".spec.replicas", Now: ".status.replicas", Selector: ".spec.selector", builtin: true}
	}
	key := stateKey{group: "apiextensions.k8s.io", resource: "customresourcedefinitions", name: gvr.Resource + "." + gvr.Group}
	definition := a.state[key]
	if definition == nil {
		definition = a.snapshot[key]
	}
	versions, _, _ := unstructured.NestedSlice(definition, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		scale, ok, _ := unstructured.NestedMap(version, "subresources", "scale")
		if !ok || text(version, "name") != gvr.Version {
			continue
		}
		paths := &scalePaths{}
		if json.Unmarshal(encode(scale), paths) == nil {
			return paths
		}
	}
	return nil
}

// at is what an object has at a path.
func at(object map[string]any, path string) (any, bool) {
	value, ok, err := unstructured.NestedFieldNoCopy(object, strings.Split(strings.TrimPrefix(path, "."), ".")...)
	return value, ok && err == nil
}

// selector is the selector of an object as its scale words it: of built-in kinds it is a label
// selector, or the labels alone, of others the words themselves.
func (p *scalePaths) selector(object map[string]any) string {
	value, _ := at(object, p.Selector)
	if words, ok := value.(string); ok && !p.builtin {
		return words
	}
	wanted, ok := value.(map[string]any)
	if !ok || !p.builtin {
		return ""
	}
	if text(object, "kind") == "ReplicationController" {
		set := labels.Set{}
		_ = json.Unmarshal(encode(wanted), &set) // an API server took it
		return set.String()
	}
	var selector metav1.LabelSelector
	if json.Unmarshal(encode(wanted), &selector) != nil {
		return ""
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return ""
	}
	return parsed.String()
}

// scaled is the known state of a scaled object with its new scale; nil where that is not known.
func (a *auditor) scaled(key stateKey, gvr capture.GVR, scale map[string]any) map[string]any {
	known, paths := a.state[key], a.scalePaths(gvr)
	replicas, ok := at(scale, ".spec.replicas")
	if known["spec"] == nil || paths == nil || text(scale, "kind") != "Scale" {
		return nil
	}
	if !ok {
		replicas = int64(0) // which a scale does not write
	}
	before, _ := at(known, paths.Replicas)
	fields := strings.Split(strings.TrimPrefix(paths.Replicas, "."), ".")
	if unstructured.SetNestedField(known, replicas, fields...) != nil {
		return nil
	}
	if generation, ok := at(known, ".metadata.generation"); ok && before != replicas {
		if n, whole := generation.(int64); whole {
			_ = unstructured.SetNestedField(known, n+1, "metadata", "generation") // where there was one before
		}
	}
	if version := versionOf(scale); version != "" {
		_ = unstructured.SetNestedField(known, version, "metadata", "resourceVersion")
	}
	return known
}
