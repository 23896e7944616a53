package admission

import (
	"encoding/json"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// An API server prunes a custom resource where it reads one: of a request, and of its storage.
// What webhooks return it only gives defaults. So what policies add and the definition does not
// know is seen by all who come after them, and is gone once the object is stored.

// defaultedCustom is a custom resource that a webhook changed, with the defaults of its definition.
func defaultedCustom(w *capture.World, rec *capture.Record, raw json.RawMessage) (json.RawMessage, error) {
	versions := versionsOf(w, rec)
	if versions == nil {
		return raw, nil
	}
	changed := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(raw, &changed.Object); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	is := changed.GroupVersionKind()
	if is.Group != rec.Kind.Group || !slices.Contains(versions.all, is.Version) {
		return nil, &Refused{"request to convert CR from an invalid group/version: " + is.GroupVersion().String()}
	}
	in := *rec
	in.Kind.Version = is.Version
	if shape := schemaOf(w, &in); shape != nil && is.Kind == rec.Kind.Kind {
		defaulting.Default(changed.Object, shape.Structural)
	}
	changed.SetAPIVersion(schema.GroupVersionKind(rec.Kind).GroupVersion().String())
	return json.Marshal(changed.Object)
}

// Returned is the object of a request as an API server returns it once it has stored it. What it reads
// gets defaults again, which may rest on what it has added by itself: a Job without labels gets those
// of its template, with the names of the Job among them.
func Returned(w *capture.World, rec *capture.Record, raw json.RawMessage) json.RawMessage {
	gvk := schema.GroupVersionKind(rec.Kind)
	if len(raw) == 0 || !ofItself(rec) || reviews[gvk.Group] {
		return raw
	}
	if known().Recognizes(gvk) {
		return readBack(raw, gvk)
	}
	shape := schemaOf(w, rec)
	var object map[string]any
	if shape == nil || utiljson.Unmarshal(raw, &object) != nil {
		return raw
	}
	if _, err := shape.shape(object, true); err != nil {
		return raw
	}
	returned, err := json.Marshal(object)
	if err != nil {
		return raw
	}
	return returned
}

// readBack is a stored object of a built-in kind as it is read; as it is where it does not decode.
func readBack(raw json.RawMessage, gvk schema.GroupVersionKind) json.RawMessage {
	object, err := decode(raw, gvk)
	if err != nil {
		return raw
	}
	read, err := encode(object, gvk)
	if err != nil {
		return raw
	}
	return read
}
