package source

import (
	"encoding/json"

	utiljson "k8s.io/apimachinery/pkg/util/json"

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

func decodeObject(raw []byte) map[string]any {
	var object map[string]any
	if utiljson.Unmarshal(raw, &object) != nil {
		return nil
	}
	return object
}

// What a record says of the state that it left, where its bodies do not.
var (
	leftNothing   = json.RawMessage("null")
	leftSomething = json.RawMessage("{}") // nobody knows how it is
)

// follow updates the known state after a request that took effect, and notes in its records what they
// left.
func (a *auditor) follow(e *event, records []*capture.Record) {
	if !e.succeeded() || e.dryRun() || e.evictsNothing() || e.operation() == capture.Connect {
		return
	}
	ref, key := e.ObjectRef, e.key()
	if e.operation() == capture.Delete {
		a.gone(e, key, records)
		return
	}
	object, sent := a.after(e, key, records)
	if e.operation() == capture.Update && a.ended(e, key, object) {
		a.forget(key) // it waited for no more than this
		records[0].Left = leftNothing
		return
	}
	if object == nil {
		if ref.Subresource != "status" { // whose patches are of no more than that
			a.lose(key) // it changed, and nobody knows to what
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
	if sub := ref.Subresource; records[0].Name == "" || sub == "scale" || sub == "binding" {
		records[0].Left = encode(object)
	}
	a.know(key, object, sent, a.managedAfter(e, key))
	a.owners.see(object, key.namespace)
	if text(object, "kind") == "CustomResourceDefinition" {
		a.resources.AddCRD(encode(object))
	}
}

// ended tells whether an update took the last that an object waited for which is marked as deleted.
func (a *auditor) ended(e *event, key stateKey, object map[string]any) bool {
	if object != nil {
		return deleted(object)
	}
	answer, _ := e.body(e.ResponseObject)
	return bare(answer) && !isNamespace(key) && ofItself[e.ObjectRef.Subresource] && deleted(answer)
}

// isNamespace tells of a Namespace, whose finalizers are not all in its metadata.
func isNamespace(key stateKey) bool { return key.group == "" && key.resource == "namespaces" }

// know keeps the state of an object, and its managedFields where they are known. sent: no answer
// shows it.
func (a *auditor) know(key stateKey, object map[string]any, sent bool, managed json.RawMessage) {
	a.lose(key)
	a.state[key] = object
	if sent {
		a.sent[key] = true
	}
	if managed != nil {
		a.managed[key] = managed
	}
}

// lose drops the state of an object.
func (a *auditor) lose(key stateKey) {
	delete(a.state, key)
	delete(a.sent, key)
	delete(a.managed, key)
}

// managedAfter are the managedFields of an object after a request; nil where they are not known.
func (a *auditor) managedAfter(e *event, key stateKey) json.RawMessage {
	switch sub := e.ObjectRef.Subresource; {
	case sub == "token":
		return a.managed[key]
	case ofItself[sub]:
		return managedOf(e.ResponseObject)
	}
	return nil // it changed, and the answer shows others
}

// after is the state of an object after a request; nil where that is not known. sent: it is no
// answer, and what webhooks made of it not in it.
func (a *auditor) after(e *event, key stateKey, records []*capture.Record) (state map[string]any, sent bool) {
	object, _ := e.body(e.ResponseObject)
	switch sub := e.ObjectRef.Subresource; {
	case sub == "token":
		return a.state[key], a.sent[key] // it makes nothing of its account
	case sub == "scale":
		return a.scaled(key, e.gvr(), object), a.sent[key]
	case sub == "binding":
		return a.bound(e, key), a.sent[key]
	case !ofItself[sub]:
		return nil, false
	case bare(object):
		return a.dressed(e, key, records, object)
	case whole(object) != nil:
		return object, false
	case sub == "" && len(records) == 1 && records[0].Object != nil:
		return decodeObject(records[0].Object), true // as sent, or as patched
	}
	return nil, false
}

func (a *auditor) forget(key stateKey) {
	a.lose(key)
	delete(a.world, key)
}
