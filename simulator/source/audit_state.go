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
// the request proves by its resourceVersion that it replaces just that one. sent: no answer shows
// it, it is what a client sent.
func (a *auditor) old(r *capture.Record, request map[string]any) (object map[string]any, sent bool) {
	known, sent := a.state[keyOf(r)], a.sent[keyOf(r)]
	if r.SubResource == "scale" {
		return a.scale(r), sent
	}
	if !ofItself[r.SubResource] {
		return nil, false // of another kind than the stored object
	}
	if known != nil && !sent {
		return known, false
	}
	snapshot := a.snapshot[keyOf(r)]
	if v := versionOf(request); v != "" && v == versionOf(snapshot) {
		return snapshot, false
	}
	return known, sent
}

func versionOf(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	return text(meta, "resourceVersion")
}

// patched applies a patch that the log holds to the object before. The log does not say
// which kind of patch it is: where the kinds that it may be disagree, nobody knows. Nor is it
// known what it makes of an object that the log shows in another version.
func patched(gvk capture.GVK, old map[string]any, patch json.RawMessage, subresource string) map[string]any {
	if old == nil || len(patch) == 0 || subresource == "scale" || text(old, "apiVersion") != gvk.APIVersion() {
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
	object, sent := a.after(e, key, records)
	if object == nil {
		if ref.Subresource != "status" { // whose patches are of no more than that
			delete(a.state, key) // it changed, and nobody knows to what
			delete(a.sent, key)
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
	if e.operation() == capture.Update && deleted(object) {
		a.forget(key) // it waited for no more than this
		return
	}
	a.know(key, object, sent)
	a.owners.see(object, key.namespace)
	if text(object, "kind") == "CustomResourceDefinition" {
		a.resources.AddCRD(encode(object))
	}
}

// know keeps the state of an object. sent: no answer shows it.
func (a *auditor) know(key stateKey, object map[string]any, sent bool) {
	a.state[key] = object
	if delete(a.sent, key); sent {
		a.sent[key] = true
	}
}

// after is the state of an object after a request; nil where that is not known. sent: it is no
// answer, and what webhooks made of it not in it.
func (a *auditor) after(e *event, key stateKey, records []*capture.Record) (state map[string]any, sent bool) {
	object, _ := body(e.ResponseObject)
	switch sub := e.ObjectRef.Subresource; {
	case sub == "token":
		return a.state[key], a.sent[key] // it makes nothing of its account
	case sub == "scale":
		return a.scaled(key, e.gvr(), object), a.sent[key]
	case sub == "binding":
		return a.bound(e, key), a.sent[key]
	case !ofItself[sub]:
		return nil, false
	case !isStatus(object):
		return object, false
	case sub == "" && len(records) == 1 && records[0].Object != nil:
		return decodeObject(records[0].Object), true // as sent, or as patched
	}
	return nil, false
}

// gone forgets deleted objects. A deletion that waits for finalizers leaves the object.
func (a *auditor) gone(e *event, key stateKey) {
	if object, _ := body(e.ResponseObject); e.Verb == "delete" && waits(object) {
		a.know(key, object, false)
		return
	}
	if key.name == "" {
		for k := range a.state {
			if k.group == key.group && k.resource == key.resource && (key.namespace == "" || k.namespace == key.namespace) {
				a.forget(k)
			}
		}
		return
	}
	a.forget(key)
}

func (a *auditor) forget(key stateKey) {
	delete(a.state, key)
	delete(a.sent, key)
	delete(a.world, key)
}
