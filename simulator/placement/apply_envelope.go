package placement

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// isEnvelope tells whether an object is placed by what it holds.
func isEnvelope(o policy.Object) bool {
	return strings.HasPrefix(o.APIVersion, placementGroup+"/") && (o.Kind == "ClusterResourceEnvelope" || o.Kind == "ResourceEnvelope")
}

// unwrap returns the manifests of an envelope, by their keys. The error is the first that
// KubeFleet finds; nothing of the placement is brought up to date then.
func unwrap(o policy.Object) ([]policy.Object, error) {
	var envelope envelopeObject
	if err := json.Unmarshal(o.JSON, &envelope); err != nil {
		return nil, fmt.Errorf("envelope %s: %w", o.Name, err)
	}
	var out []policy.Object
	var first error
	for _, key := range sortedKeys(envelope.Data) {
		inner, err := innerObject(o, envelope.Data[key])
		if err == nil {
			err = fits(o, inner, key)
		}
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		out = append(out, inner)
	}
	return out, first
}

func innerObject(envelope policy.Object, raw json.RawMessage) (policy.Object, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   meta   `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &head); err != nil || head.Kind == "" {
		return policy.Object{}, fmt.Errorf("failed to parse the wrapped manifest data to a Kubernetes runtime object (envelope %s)", envelope.Name)
	}
	inner := policy.Object{File: envelope.File, Line: envelope.Line, APIVersion: head.APIVersion, Kind: head.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name}
	return withContent(inner, raw), nil
}

// fits is KubeFleet's check that an envelope holds what its kind may hold.
func fits(envelope, inner policy.Object, key string) error {
	name := strings.TrimPrefix(inner.Namespace+"/"+inner.Name, "/")
	switch {
	case envelope.Kind == "ClusterResourceEnvelope" && inner.Namespace != "":
		return fmt.Errorf("a namespaced object %s (%s) has been wrapped in a cluster resource envelope %s", key, name, envelope.Name)
	case envelope.Kind == "ResourceEnvelope" && inner.Namespace == "":
		return fmt.Errorf("a cluster scope object %s (%s) has been wrapped in a resource envelope %s/%s", key, name, envelope.Namespace, envelope.Name)
	case envelope.Namespace != inner.Namespace:
		return fmt.Errorf("a namespaced object %s (%s) in has been wrapped in a resource envelope from another namespace (%s/%s)", key, name, envelope.Namespace, envelope.Name)
	}
	return nil
}
