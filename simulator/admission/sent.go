package admission

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// withServers is a record whose old object, which is known only as a client sent it, has what an
// API server adds as well: defaults, an identity. What webhooks made of it is not in it.
func withServers(w *capture.World, rec *capture.Record) *capture.Record {
	if !rec.Lacks(capture.MissingStored) || len(rec.OldObject) == 0 {
		return rec
	}
	sent := *rec
	old := &unstructured.Unstructured{}
	if utiljson.Unmarshal(rec.OldObject, &old.Object) != nil {
		sent.OldObject, sent.Missing = nil, append(slices.Clone(rec.Missing), capture.MissingOldObject)
		return &sent
	}
	if old.GetUID() == "" && ofItself(rec) { // else an API server has returned it once
		if made, err := asStored(w, old, rec.OldObject, rec.Resource); err == nil && made != nil {
			_ = utiljson.Unmarshal(made, &old.Object) // it was encoded
		}
	}
	there(old, rec)
	sent.OldObject, _ = json.Marshal(old.Object) // it came from JSON
	return &sent
}

// there gives an object the identity that it has before a request: what the client had of it,
// or placeholders.
func there(old *unstructured.Unstructured, rec *capture.Record) {
	object := &unstructured.Unstructured{}
	_ = utiljson.Unmarshal(rec.Object, &object.Object) // a deletion sends none
	if uid := old.GetUID(); uid != "" && !IsDrawn(string(uid)) {
		return
	}
	old.SetUID(drawnUID)
	old.SetCreationTimestamp(timeOf(rec))
	if uid := object.GetUID(); uid != "" { // it is the object's, or the request would have failed
		old.SetUID(uid)
	}
	if at := object.GetCreationTimestamp(); !at.IsZero() {
		old.SetCreationTimestamp(at)
	}
	if version := object.GetResourceVersion(); version != "" {
		old.SetResourceVersion(version)
	}
}

// standsIn gives an updated object, whose old one is not known, placeholders for the identity that
// every object has which is there.
func standsIn(rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	o := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(object, &o.Object); err != nil {
		return object, nil //nolint:nilerr // policies say themselves that it does not decode
	}
	if _, ok := o.Object["metadata"].(map[string]any); !ok || o.GetUID() != types.UID("") {
		return object, nil
	}
	o.SetUID(drawnUID)
	if at := o.GetCreationTimestamp(); at.IsZero() {
		o.SetCreationTimestamp(timeOf(rec))
	}
	return json.Marshal(o.Object)
}
