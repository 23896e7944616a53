package placement

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seatrial/seatrial/simulator/policy"
)

// match returns the objects of a kind that the selector's name or labels take.
func (s *selector) match(one resourceSelector, kind *served, namespace string) ([]policy.Object, error) {
	wanted, err := labelsOf(one)
	if err != nil {
		return nil, err
	}
	var out []policy.Object
	for _, o := range s.hub.Objects {
		if groupKindOf(&o) != kind.groupKind || kind.namespaced && o.Namespace != namespace || one.Name != "" && o.Name != one.Name {
			continue
		}
		if head := headOf(&o); s.hub.propagated(&o, head) && (one.Name != "" || wanted.Matches(labels.Set(head.Metadata.Labels))) {
			out = append(out, s.hub.read(o, one.Version))
		}
	}
	if len(out) == 0 {
		s.warnNothing(one, namespace)
	}
	return out, nil
}

// labelsOf is the selector's labels; all objects when it has none.
func labelsOf(one resourceSelector) (labels.Selector, error) {
	if one.LabelSelector == nil {
		return labels.Everything(), nil
	}
	wanted, err := metav1.LabelSelectorAsSelector(one.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("cannot convert the label selector to a selector: %w", err)
	}
	return wanted, nil
}

// namespaces returns the selected namespaces with everything in them.
func (s *selector) namespaces(one resourceSelector) ([]policy.Object, error) {
	wanted, err := labelsOf(one)
	if err != nil {
		return nil, err
	}
	var names []string
	if one.Name != "" {
		names = []string{one.Name}
	} else {
		for _, o := range s.hub.Objects {
			if isNamespace(&o) && wanted.Matches(labels.Set(headOf(&o).Metadata.Labels)) {
				names = append(names, o.Name)
			}
		}
	}
	var out []policy.Object
	for _, name := range names {
		if reserved(name) {
			return nil, &userError{fmt.Sprintf("invalid clusterRresourcePlacement %s: namespace %s is not allowed to propagate", s.p.Name, name)}
		}
		out = append(out, s.hub.inNamespace(name)...)
	}
	if len(out) == 0 {
		s.warnNothing(one, "")
	}
	return out, nil
}

// namespaceOf is the name of the one namespace that the others select in; "" when it is
// not there or may not be placed.
func (s *selector) namespaceOf(one resourceSelector) string {
	for _, o := range s.hub.Objects {
		if isNamespace(&o) && o.Name == one.Name && headOf(&o).Metadata.DeletionTimestamp == nil && !reserved(o.Name) {
			return o.Name
		}
	}
	return ""
}

// inNamespace returns a namespace and all that lies in it and may be placed; nothing when
// the namespace is not on the hub, or is being deleted.
func (h *Hub) inNamespace(name string) []policy.Object {
	var out []policy.Object
	there := false
	for _, o := range h.Objects {
		head := headOf(&o)
		if isNamespace(&o) && o.Name == name && head.Metadata.DeletionTimestamp == nil {
			there = true
			out = append(out, h.read(o, ""))
		}
		_, version := groupVersion(o.APIVersion)
		if o.Namespace == name && !h.disabled(groupKindOf(&o), version) && h.propagated(&o, head) {
			out = append(out, h.read(o, ""))
		}
	}
	if !there {
		return nil
	}
	return out
}

// read is the object as the hub's informers hold it: in the preferred version of its kind,
// or in the given one where the kind is not known. The API server converts between the
// versions of built-in kinds, which is not done here: they keep the one they were written in.
func (h *Hub) read(o policy.Object, version string) policy.Object {
	kind := h.kinds[groupKindOf(&o)]
	if kind != nil && kind.builtin {
		return o
	}
	if kind != nil {
		version = kind.versions[0]
	}
	group, written := groupVersion(o.APIVersion)
	if version == "" || version == written {
		return o
	}
	var object map[string]any
	if json.Unmarshal(o.JSON, &object) != nil {
		return o
	}
	o.APIVersion = apiVersion(group, version)
	object["apiVersion"] = o.APIVersion
	return o.With(encode(object))
}

func isNamespace(o *policy.Object) bool { return o.Kind == "Namespace" && o.APIVersion == "v1" }
