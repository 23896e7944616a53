package kyverno

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// found tells of what is made whether it is there already, and as it would be.
func (s *sideRun) found(got answer) answer {
	got.generated = slices.Clone(got.generated) // other sides have the same
	for i := range got.generated {
		g := &got.generated[i]
		object := &unstructured.Unstructured{}
		if g.Deleted || len(g.Object) == 0 || object.UnmarshalJSON(g.Object) != nil {
			continue
		}
		resource, _, known := s.req.look.resourceFor(object.GroupVersionKind())
		if !known {
			continue
		}
		there, err := s.req.look.get(resource, object.GetNamespace(), object.GetName())
		if err != nil || there == nil {
			continue
		}
		content, err := (&unstructured.Unstructured{Object: there}).MarshalJSON()
		g.Exists, g.Same = true, err == nil && equalJSON(content, g.Object)
	}
	return got
}
