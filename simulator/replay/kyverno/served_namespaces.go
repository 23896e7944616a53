package kyverno

import (
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// homeless returns what an API server says against a policy of a namespace that it does not have.
// The capture must show that: it holds all Namespaces of the cluster, and nothing that is in this one.
// Exceptions, which are about other namespaces, are left: theirs come with Kyverno, and are rarely
// in the repository that a capture is of.
func homeless(look world, set *policy.Set, object policy.Object) error {
	if object.Namespace == "" || object.Kind == "PolicyException" {
		return nil
	}
	if found, _ := look.List(capture.GVR(namespaces), ""); len(found) == 0 {
		return nil // a repository whose namespaces are made elsewhere
	}
	if _, err := look.get(namespaces, "", object.Namespace); !apierrors.IsNotFound(err) {
		return nil
	}
	brought := slices.ContainsFunc(set.Others, func(o policy.Object) bool { return o.Kind == "Namespace" && o.Name == object.Namespace })
	if brought || inhabited(look.World, object.Namespace) {
		return nil
	}
	return fmt.Errorf("namespaces %q not found", object.Namespace)
}

// inhabited tells whether the capture holds an object of a namespace.
func inhabited(w *capture.World, namespace string) bool {
	all := w.Objects(func(string, string) bool { return true })
	return slices.ContainsFunc(all, func(o *capture.WorldObject) bool {
		var head struct{ Metadata struct{ Namespace string } }
		return json.Unmarshal(o.Object, &head) == nil && head.Metadata.Namespace == namespace
	})
}
