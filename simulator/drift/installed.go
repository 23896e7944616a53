package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// InstalledIn are the policies, exceptions and the like that a capture shows in a cluster,
// whole: with their status, owners and times.
func InstalledIn(w *capture.World) []policy.Object {
	if w == nil {
		return nil
	}
	var out []policy.Object
	for _, o := range w.Objects(policy.IsPolicyKind) {
		out = append(out, objectOf(o))
	}
	return out
}

func objectOf(o *capture.WorldObject) policy.Object {
	body := decode(o.Object)
	apiVersion, _ := body["apiVersion"].(string)
	kind, _ := body["kind"].(string)
	meta := section(body, "metadata")
	name, _ := meta["name"].(string)
	namespace, _ := meta["namespace"].(string)
	return policy.Object{File: o.Origin.File, Line: o.Origin.Line, APIVersion: apiVersion, Kind: kind, Namespace: namespace, Name: name, JSON: o.Object}
}

// lookUp finds an object of any kind in a capture; nil when it was not captured.
func lookUp(w *capture.World, o policy.Object) *policy.Object {
	if w == nil {
		return nil
	}
	gvr, namespaced, _ := w.Resources.ResourceFor(capture.ParseGVK(o.APIVersion, o.Kind))
	namespace := o.Namespace
	if !namespaced {
		namespace = ""
	}
	found, _ := w.Get(gvr, namespace, o.Name)
	if found == nil {
		return nil
	}
	object := objectOf(found)
	return &object
}

// fleetOwner says by what an object is known to have come from a hub; empty when it did not.
// Member agents own what they apply by an AppliedWork, and annotate it.
func fleetOwner(object map[string]any) string {
	meta := section(object, "metadata")
	for _, owner := range entries(meta["ownerReferences"]) {
		version, _ := owner["apiVersion"].(string)
		if strings.HasPrefix(version, "placement.kubernetes-fleet.io/") && owner["kind"] == "AppliedWork" {
			return fmt.Sprintf("AppliedWork %v", owner["name"])
		}
	}
	for key := range section(meta, "annotations") {
		if key == fleetPrefix+"last-applied-configuration" || key == fleetPrefix+"spec-hash" {
			return "KubeFleet's annotations"
		}
	}
	return ""
}

// madeByKyverno tells of the admission policies that Kyverno makes out of its own.
func madeByKyverno(object map[string]any) bool {
	meta := section(object, "metadata")
	version, _ := object["apiVersion"].(string)
	if !strings.HasPrefix(version, "admissionregistration.k8s.io/") {
		return false
	}
	return section(meta, "labels")["app.kubernetes.io/managed-by"] == "kyverno" ||
		slices.ContainsFunc(entries(meta["ownerReferences"]), func(o map[string]any) bool {
			version, _ := o["apiVersion"].(string)
			return strings.HasPrefix(version, "kyverno.io/") || strings.HasPrefix(version, "policies.kyverno.io/")
		})
}

// partOf is what a value has of the fields that another one sets.
func partOf(value, like any) any {
	m, ok1 := value.(map[string]any)
	l, ok2 := like.(map[string]any)
	if !ok1 || !ok2 {
		return value
	}
	out := map[string]any{}
	for key := range l {
		if v, ok := m[key]; ok {
			out[key] = partOf(v, l[key])
		}
	}
	return out
}
