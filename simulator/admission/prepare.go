package admission

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Refused says that the API server would answer before any webhook is asked.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// Prepare returns the object of a request as webhooks get it. w is the world of the
// request's cluster. A *Refused error says that none would be asked; others are ours.
func Prepare(w *capture.World, rec *capture.Record) (json.RawMessage, error) {
	written := rec.Operation == capture.Create || rec.Operation == capture.Update
	if !written || rec.SubResource != "" || rec.Live || len(rec.Object) == 0 || rec.Lacks(capture.MissingObject) {
		return rec.Object, nil
	}
	gvk := schema.GroupVersionKind(rec.Kind)
	if !known().Recognizes(gvk) {
		return inNamespace(rec)
	}
	typed, err := known().New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make a %s: %w", gvk, err)
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(rec.Object, typed); err != nil {
		return nil, &Refused{fmt.Sprintf("the API server cannot decode it: %v", err)}
	}
	known().Default(typed)
	placed(typed, rec.Namespace)
	if rec.Operation == capture.Create {
		plugins{w, rec.Namespace}.admit(typed)
	}
	content, err := json.Marshal(typed)
	if err != nil {
		return nil, fmt.Errorf("encode a %s: %w", gvk, err)
	}
	return content, nil
}

// inNamespace writes the namespace of the request into an object of any kind.
func inNamespace(rec *capture.Record) (json.RawMessage, error) {
	if rec.Namespace == "" {
		return rec.Object, nil
	}
	var head struct {
		Metadata struct{ Namespace string }
	}
	if err := json.Unmarshal(rec.Object, &head); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	if head.Metadata.Namespace != "" {
		return rec.Object, nil
	}
	var object map[string]any
	if err := json.Unmarshal(rec.Object, &object); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	meta, ok := object["metadata"].(map[string]any)
	if !ok {
		return rec.Object, nil
	}
	meta["namespace"] = rec.Namespace
	return json.Marshal(object)
}

// placed gives an object the namespace of its request, and its kind: defaulting may not.
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
	found, _ := w.List(capture.GVR{Group: group, Resource: resource}, namespace)
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
	found, _ := w.Get(capture.GVR{Group: group, Resource: resource}, namespace, name)
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
