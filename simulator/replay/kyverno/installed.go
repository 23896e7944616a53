package kyverno

import (
	"encoding/json"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// InstalledPolicies is the set of policies that a capture shows as installed in a cluster.
func InstalledPolicies(w *capture.World) *policy.Set {
	var objects []policy.Object
	for _, o := range w.Objects(policy.IsPolicyKind) {
		var h struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		}
		if json.Unmarshal(o.Object, &h) != nil {
			continue // the world has decoded it before
		}
		objects = append(objects, policy.Object{
			File: o.Origin.File, Line: o.Origin.Line, APIVersion: h.APIVersion, Kind: h.Kind,
			Namespace: h.Metadata.Namespace, Name: h.Metadata.Name, JSON: clean(o.Object),
		})
	}
	return policy.FromObjects("captured", objects)
}

// Changed is an installed policy with another content, as a cluster stores it.
func Changed(o policy.Object, content json.RawMessage) policy.Object { return o.With(clean(content)) }

// clean drops what only a server sets, so that an installed policy equals the same policy
// in a repository.
func clean(raw json.RawMessage) json.RawMessage {
	var object map[string]any
	if utiljson.Unmarshal(raw, &object) != nil {
		return raw
	}
	delete(object, "status")
	if meta, ok := object["metadata"].(map[string]any); ok {
		for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"} {
			delete(meta, field)
		}
		if annotations, ok := meta["annotations"].(map[string]any); ok {
			delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
			if len(annotations) == 0 {
				delete(meta, "annotations")
			}
		}
	}
	cleaned, err := json.Marshal(object)
	if err != nil {
		return raw
	}
	return cleaned
}
