package kyverno

import (
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
)

// overlaid are objects that come with a policy set, with Namespaces as kubectl apply makes them of
// those that the cluster has: labels and annotations of others stay.
func overlaid(of world, objects []*capture.WorldObject) []*capture.WorldObject {
	out := make([]*capture.WorldObject, len(objects))
	for i, o := range objects {
		out[i] = o
		next := &unstructured.Unstructured{}
		if json.Unmarshal(o.Object, &next.Object) != nil || next.GetAPIVersion() != "v1" || next.GetKind() != "Namespace" {
			continue
		}
		there, err := of.get(namespaces, "", next.GetName())
		if err != nil {
			continue // it is new, or nothing is known of it
		}
		if content, err := applyNamespace(there, next).MarshalJSON(); err == nil {
			out[i] = &capture.WorldObject{Cluster: o.Cluster, Object: content, Origin: o.Origin}
		}
	}
	return out
}

// applyNamespace is a Namespace that is there with another configuration: what the last one had and
// the next has not is gone.
func applyNamespace(there map[string]any, next *unstructured.Unstructured) *unstructured.Unstructured {
	made := (&unstructured.Unstructured{Object: there}).DeepCopy()
	last := &unstructured.Unstructured{}
	_ = json.Unmarshal([]byte(made.GetAnnotations()[corev1.LastAppliedConfigAnnotation]), &last.Object) // none, or another tool's
	made.SetLabels(laidOver(made.GetLabels(), last.GetLabels(), next.GetLabels()))
	made.SetAnnotations(laidOver(made.GetAnnotations(), last.GetAnnotations(), next.GetAnnotations()))
	return made
}

func laidOver(there, last, next map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, there)
	for key := range last {
		delete(out, key)
	}
	maps.Copy(out, next)
	return out
}
