package admission

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Defaulted returns what a webhook made of the object of a request with the defaults of
// what it added, as an API server fills them in after each webhook. A namespace that was taken
// away is the request's again, as it is once the object is stored.
func Defaulted(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	gvk := schema.GroupVersionKind(rec.Kind)
	switch {
	case !written(rec) || len(object) == 0:
		return object, nil
	case !known().Recognizes(gvk):
		object, err := defaultedCustom(w, rec, object)
		if err != nil {
			return nil, err
		}
		return inNamespace(rec, object)
	}
	is, err := sameKind(object, gvk)
	if err != nil {
		return nil, err
	}
	inside, err := decode(object, is)
	if err != nil {
		return nil, err
	}
	placed(inside, rec.Namespace)
	return encode(inside, gvk)
}

// sameKind is the version in which a webhook returned an object. It refuses what a webhook made
// an object of another kind, or of a version that there is not.
func sameKind(object json.RawMessage, gvk schema.GroupVersionKind) (is schema.GroupVersionKind, err error) {
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal(object, &head); err != nil {
		return is, &Refused{Undecodable + err.Error()}
	}
	is = schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	if is == gvk {
		return is, nil
	}
	made, err := known().New(is)
	if err != nil {
		return is, &Refused{Undecodable + err.Error()}
	}
	if is.GroupKind() == gvk.GroupKind() {
		return is, nil
	}
	inside, err := known().New(schema.GroupVersionKind{Group: gvk.Group, Version: runtime.APIVersionInternal, Kind: gvk.Kind})
	if err != nil {
		return is, fmt.Errorf("make a %s: %w", gvk, err)
	}
	name := func(o runtime.Object) string { return strings.TrimPrefix(fmt.Sprintf("%T", o), "*") }
	return is, &Refused{fmt.Sprintf("converting (%s) to (%s): unknown conversion", name(made), name(inside))}
}
