package kyverno

import (
	"fmt"
	"strings"

	"github.com/kyverno/kyverno/api/kyverno"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smd "sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// applied is what a server-side apply by Kyverno makes of an object that is there; of nil, what is
// applied. Kyverno overrules all others. Which fields it applied before is in no capture: those
// that it does not apply any longer would be gone.
func (r *request) applied(there, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if r.env.types == nil || r.env.mocks != nil {
		return object, nil
	}
	types := typesFor{r.env.types, r}.GetTypeConverter(object.GroupVersionKind())
	asked, err := types.ObjectToTyped(object)
	if err != nil {
		return nil, fmt.Errorf("failed to create typed patch object (%s/%s; %s): %w", object.GetNamespace(), object.GetName(), object.GroupVersionKind(), err)
	}
	if there == nil {
		return object, nil
	}
	was, err := types.ObjectToTyped(there, smd.AllowDuplicates)
	if err != nil {
		return nil, err
	}
	if there.GetLabels()[kyverno.LabelAppManagedBy] == kyverno.ValueKyvernoApp && r.drops(types, was, object) {
		r.misses.add("which fields of "+targetName(*there)+" Kyverno applied before is not in the capture", fleetResolve)
	}
	merged, err := was.Merge(asked)
	if err != nil {
		return nil, err
	}
	made, err := types.TypedToObject(merged)
	if err != nil {
		return nil, err
	}
	return made.(*unstructured.Unstructured), nil
}

// drops tells whether an object has fields, other than the API server's own, that are not applied
// to it any longer.
func (r *request) drops(types managedfields.TypeConverter, was *smd.TypedValue, object *unstructured.Unstructured) bool {
	now, err := types.ObjectToTyped(r.asMade(object))
	if err != nil {
		return true
	}
	compared, err := was.Compare(now)
	if err != nil {
		return true
	}
	found := false
	compared.Removed.Iterate(func(path fieldpath.Path) {
		found = found || !serverFields[strings.SplitN(path.String(), ".", 3)[1]] && !serverFields[path.String()]
	})
	return found
}

// serverFields are those that an API server writes itself.
var serverFields = map[string]bool{
	"status": true, ".metadata.uid": true, ".metadata.generation": true, ".metadata.resourceVersion": true, ".metadata.creationTimestamp": true,
}

// asMade is an object with the defaults that an API server gives it.
func (r *request) asMade(object *unstructured.Unstructured) *unstructured.Unstructured {
	w, ok := r.look.(world)
	gvr, _, known := r.look.resourceFor(object.GroupVersionKind())
	content, err := object.MarshalJSON()
	if !ok || !known || err != nil {
		return object
	}
	stored, err := admission.Existing(w.World, &capture.WorldObject{Object: content}, capture.GVR(gvr))
	made := &unstructured.Unstructured{}
	if err != nil || made.UnmarshalJSON(stored) != nil {
		return object
	}
	return made
}
