package source

import (
	"encoding/json"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seatrial/seatrial/simulator/capture"
)

func keyOf(r *capture.Record) stateKey {
	return stateKey{r.Resource.Group, r.Resource.Resource, r.Namespace, r.Name}
}

// old is the object before an update: the last state in the log, or the one in --world if
// the request proves by its resourceVersion that it replaces just that one.
func (a *auditor) old(r *capture.Record, request map[string]any) map[string]any {
	if r.SubResource == "scale" {
		return a.scale(r)
	}
	if r.SubResource != "" && r.SubResource != "status" && r.SubResource != "ephemeralcontainers" {
		return nil // of another kind than the stored object
	}
	if known := a.state[keyOf(r)]; known != nil {
		return known
	}
	snapshot := a.snapshot[keyOf(r)]
	if v := versionOf(request); v != "" && v == versionOf(snapshot) {
		return snapshot
	}
	return nil
}

func versionOf(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	return text(meta, "resourceVersion")
}

// patched applies a patch that the log holds to the object before. The log does not say
// which kind of patch it is: where the kinds that it may be disagree, nobody knows.
func patched(gvk capture.GVK, old map[string]any, patch json.RawMessage, subresource string) map[string]any {
	if old == nil || len(patch) == 0 || subresource == "scale" {
		return nil
	}
	before := encode(old)
	if patch[0] == '[' {
		decoded, err := jsonpatch.DecodePatch(patch)
		if err != nil {
			return nil
		}
		after, err := decoded.Apply(before)
		if err != nil {
			return nil
		}
		return decodeObject(after)
	}
	merged, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		return nil
	}
	typed, err := scheme.Scheme.New(schema.GroupVersionKind(gvk))
	if err != nil {
		return decodeObject(merged) // a custom resource: only merge patches apply to it
	}
	strategic, err := strategicpatch.StrategicMergePatch(before, patch, typed)
	if err != nil || !jsonpatch.Equal(merged, strategic) {
		return nil
	}
	return decodeObject(merged)
}

func decodeObject(raw []byte) map[string]any {
	var object map[string]any
	if utiljson.Unmarshal(raw, &object) != nil {
		return nil
	}
	return object
}

// follow updates the known state after a request that took effect.
func (a *auditor) follow(e *event, records []*capture.Record) {
	if !e.succeeded() || e.dryRun() || e.operation() == capture.Connect {
		return
	}
	ref := e.ObjectRef
	key := stateKey{ref.APIGroup, ref.Resource, ref.Namespace, ref.Name}
	if ref.APIGroup == "" && ref.Resource == "namespaces" {
		key.namespace = ""
	}
	if e.operation() == capture.Delete {
		a.gone(e, key)
		return
	}
	object, _ := body(e.ResponseObject)
	if ref.Subresource == "scale" && a.scaled(key, e.gvr(), object) {
		return
	}
	if isStatus(object) || ref.Subresource != "" && ref.Subresource != "status" && ref.Subresource != "ephemeralcontainers" {
		object = nil
	}
	if object == nil && ref.Subresource == "" && len(records) == 1 && records[0].Object != nil {
		object = decodeObject(records[0].Object) // as sent, or as patched
	}
	if object == nil {
		if ref.Subresource == "" || ref.Subresource == "scale" {
			delete(a.state, key) // it changed, and nobody knows to what
		}
		return
	}
	meta, _ := object["metadata"].(map[string]any)
	if key.name == "" {
		key.name = text(meta, "name")
	}
	if key.name == "" {
		return
	}
	a.state[key] = object
	a.owners.see(object, key.namespace)
	if text(object, "kind") == "CustomResourceDefinition" {
		a.resources.AddCRD(encode(object))
	}
}

// gone forgets deleted objects. A deletion that waits for finalizers leaves the object.
func (a *auditor) gone(e *event, key stateKey) {
	if key.name == "" {
		for k := range a.state {
			if k.group == key.group && k.resource == key.resource && (key.namespace == "" || k.namespace == key.namespace) {
				delete(a.state, k)
				delete(a.world, k)
			}
		}
		return
	}
	delete(a.state, key)
	delete(a.world, key)
}
