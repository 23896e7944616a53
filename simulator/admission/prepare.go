package admission

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Refused says that the API server would answer before any webhook is asked.
type Refused struct{ Reason string }

// Undecodable begins the reasons of refusals of what the API server cannot read.
const Undecodable = "the API server cannot decode it: "

func (r *Refused) Error() string { return r.Reason }

// Prepare returns the object of a request as webhooks get it. w is the world of the
// request's cluster. A *Refused error says that none would be asked; others are ours.
func Prepare(w *capture.World, rec *capture.Record) (json.RawMessage, error) {
	if !written(rec) || rec.Answered() {
		return rec.Object, nil
	}
	gvk := schema.GroupVersionKind(rec.Kind)
	if !known().Recognizes(gvk) {
		object, err := custom(w, rec)
		if err != nil {
			return nil, err
		}
		return inNamespace(rec, object)
	}
	return plugged(w, rec, rec.Object)
}

// Plugged returns what the built-in plugins make of an object that webhooks changed.
func Plugged(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	switch {
	case !written(rec):
		return object, nil
	case !known().Recognizes(schema.GroupVersionKind(rec.Kind)):
		return inNamespace(rec, object) // of custom resources they change nothing
	}
	made, err := plugged(w, rec, object)
	if err != nil && rec.Answered() {
		return object, nil // they took it once, of whatever else the capture does not hold
	}
	return made, err
}

func plugged(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	gvk := schema.GroupVersionKind(rec.Kind)
	inside, err := decode(object, gvk)
	if err != nil {
		return nil, err
	}
	if o, err := meta.Accessor(inside); err == nil && rec.Operation == capture.Create && !keepsIdentity[rec.SubResource] && !rec.Answered() {
		rest.WipeObjectMetaSystemFields(o) // nobody brings an identity along
	}
	placed(inside, rec.Namespace)
	if rec.SubResource == "" {
		if err := (plugins{w, rec.Namespace}).admit(inside, rec.Operation); err != nil {
			return nil, err
		}
	}
	return encode(inside, gvk)
}

// keepsIdentity are the subresources whose creation names the object that it is for by its uid.
var keepsIdentity = map[string]bool{"binding": true, "token": true}

// written tells whether a request brings an object that the API server reads as one of its kind.
func written(rec *capture.Record) bool {
	write := rec.Operation == capture.Create || rec.Operation == capture.Update
	read := ofItself(rec) || known().Recognizes(schema.GroupVersionKind(rec.Kind))
	return write && read && len(rec.Object) > 0 && !rec.Lacks(capture.MissingObject)
}

// inNamespace writes the namespace of the request into an object of any kind.
func inNamespace(rec *capture.Record, raw json.RawMessage) (json.RawMessage, error) {
	if rec.Namespace == "" {
		return raw, nil
	}
	var head struct {
		Metadata struct{ Namespace string }
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	if head.Metadata.Namespace != "" {
		return raw, nil
	}
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	meta, ok := object["metadata"].(map[string]any)
	if !ok {
		return raw, nil
	}
	meta["namespace"] = rec.Namespace
	return json.Marshal(object)
}

// placed gives an object the namespace of its request.
func placed(typed runtime.Object, namespace string) {
	if o, ok := typed.(interface {
		GetNamespace() string
		SetNamespace(string)
	}); ok && namespace != "" && o.GetNamespace() == "" {
		o.SetNamespace(namespace)
	}
}

// in finds the objects of a resource in a namespace, typed, by name.
func in[T any](w *capture.World, group, resource, namespace string) []*T {
	if w == nil {
		return nil
	}
	found, _ := w.Guessing().List(capture.GVR{Group: group, Resource: resource}, namespace)
	var out []*T
	for _, o := range found {
		one := new(T)
		if json.Unmarshal(o.Object, one) == nil { // what does not decode has no effect
			out = append(out, one)
		}
	}
	return out
}

// named finds one object.
func named[T any](w *capture.World, group, resource, namespace, name string) *T {
	if w == nil {
		return nil
	}
	found, _ := w.Guessing().Get(capture.GVR{Group: group, Resource: resource}, namespace, name)
	one := new(T)
	if found == nil || json.Unmarshal(found.Object, one) != nil {
		return nil
	}
	return one
}

// first returns the first element that has what is asked for.
func first[T any](all []T, is func(T) bool) (found T, ok bool) {
	i := slices.IndexFunc(all, is)
	if i < 0 {
		return found, false
	}
	return all[i], true
}
