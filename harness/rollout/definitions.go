package rollout

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// standIns are definitions for custom resources whose own the capture does not hold. They
// take any object, so that policies judge the requests; what the real definition would
// refuse or default is not known.
func standIns(objects []*unstructured.Unstructured, records []*capture.Record) []*unstructured.Unstructured {
	defined := map[schema.GroupKind]bool{}
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" {
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			defined[schema.GroupKind{Group: group, Kind: kind}] = true
		}
	}
	own := builtIn()
	found := map[schema.GroupKind]*custom{}
	for _, r := range records {
		key := schema.GroupKind{Group: r.Kind.Group, Kind: r.Kind.Kind}
		if r.SubResource != "" || defined[key] || own[key] || !strings.Contains(key.Group, ".") {
			continue
		}
		if found[key] == nil {
			found[key] = &custom{GroupKind: key, plural: r.Resource.Resource, scope: "Cluster"}
		}
		if r.Namespace != "" {
			found[key].scope = "Namespaced"
		}
		if !slices.Contains(found[key].versions, r.Kind.Version) {
			found[key].versions = append(found[key].versions, r.Kind.Version)
		}
	}
	var out []*unstructured.Unstructured
	for _, c := range found {
		out = append(out, c.definition())
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return cmp.Compare(name(a), name(b)) })
	return out
}

// builtIn are the kinds that every cluster here serves.
func builtIn() map[schema.GroupKind]bool {
	out := map[schema.GroupKind]bool{}
	capture.NewResources().Each(func(gvk capture.GVK, _ capture.GVR, _ bool) {
		out[schema.GroupKind{Group: gvk.Group, Kind: gvk.Kind}] = true
	})
	return out
}

// custom is a kind without a definition.
type custom struct {
	schema.GroupKind
	plural, scope string
	versions      []string
}

func (c *custom) definition() *unstructured.Unstructured {
	slices.Sort(c.versions)
	var versions []any
	for i, v := range c.versions {
		versions = append(versions, map[string]any{
			"name": v, "served": true, "storage": i == 0,
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
		})
	}
	o := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", c.plural+"."+c.Group)
	o.SetAnnotations(map[string]string{"api-approved.kubernetes.io": "unapproved, stands in for a definition that was not captured"})
	o.Object["spec"] = map[string]any{
		"group": c.Group, "scope": c.scope, "versions": versions,
		"names": map[string]any{"kind": c.Kind, "listKind": c.Kind + "List", "plural": c.plural, "singular": strings.ToLower(c.Kind)},
	}
	return o
}
