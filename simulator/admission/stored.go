package admission

import (
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"

	"github.com/seatrial/seatrial/simulator/capture"
)

// What an API server draws for an object, of the right length and form.
const (
	drawnUID    = "00000000-0000-0000-0000-000000000000"
	drawnSuffix = "xxxxx" // of a generated name
)

// IsDrawn tells whether a uid stands for one that an API server would draw.
func IsDrawn(uid string) bool { return uid == drawnUID }

// Generated is the name that an object gets which is created without one.
func Generated(prefix string) string {
	const longest = 63 - len(drawnSuffix)
	return prefix[:min(len(prefix), longest)] + drawnSuffix
}

// Creation is a request to create an object of a resource; raw is the object.
func Creation(object *unstructured.Unstructured, raw json.RawMessage, resource string) *capture.Record {
	kind := object.GroupVersionKind()
	return &capture.Record{
		Operation: capture.Create, Kind: capture.GVK(kind), Namespace: object.GetNamespace(), Name: object.GetName(),
		Resource: capture.GVR{Group: kind.Group, Version: kind.Version, Resource: resource}, Object: raw,
	}
}

// Made is the object of a request as an API server would store it if no webhook changed it. A
// *Refused error says that it would not.
func Made(w *capture.World, rec *capture.Record) (json.RawMessage, error) {
	prepared, err := Prepare(w, rec)
	if err != nil {
		return nil, err
	}
	return Stored(w, rec, prepared)
}

// Stored returns an object as webhooks that validate get it: between mutation and
// validation an API server makes it what it would store. It draws a name and an identity,
// counts generations, lets nobody but controllers write a status, and controllers nothing else
// beside it, and fills in what follows from the rest. Names and addresses that are drawn are
// placeholders here.
func Stored(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	gvk := schema.GroupVersionKind(rec.Kind)
	switch {
	case len(object) == 0 || rec.Operation != capture.Create && rec.Operation != capture.Update:
		return object, nil
	case rec.Operation == capture.Update && len(rec.OldObject) == 0:
		return standsIn(rec, object)
	case !ofItself(rec):
		return storedOther(w, rec, object)
	case !known().Recognizes(gvk):
		return storedCustom(w, rec, object)
	case reviews[gvk.Group]:
		return object, nil
	}
	after, err := decode(object, gvk)
	if err != nil {
		return nil, err
	}
	if job, ok := after.(*batch.Job); ok && rec.Operation == capture.Create && sharesLabels(w, rec, object) {
		job.Labels = job.Spec.Template.Labels
	}
	if rec.Operation == capture.Create {
		err = stored(rec, after)
	} else {
		err = storedUpdate(rec, after)
	}
	if err != nil {
		return nil, err
	}
	return encode(after, gvk)
}

// reviews are the groups whose objects are questions: they are answered, and never stored.
var reviews = map[string]bool{"authentication.k8s.io": true, "authorization.k8s.io": true}

// stored makes a new object what an API server would store.
func stored(rec *capture.Record, object runtime.Object) error {
	s, ok := strategyFor(rec)
	o, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	if !ok {
		s = bare(object)
		o.SetGeneration(0) // whether the kind counts its own is not known
	}
	at := timeOf(rec)
	identified(o, at)
	o.SetResourceVersion("")
	if service, ok := object.(*core.Service); ok {
		allocate(contextOf(rec), service, nil)
	}
	timed(object, nil, at, func() { s.PrepareForCreate(contextOf(rec), object) })
	s.Canonicalize(object)
	return nil
}

// storedUpdate does so with an object that is there already.
func storedUpdate(rec *capture.Record, object runtime.Object) error {
	s, ok := updatingOf(rec)
	if !ok {
		s = bare(object)
	}
	before, err := decode(rec.OldObject, schema.GroupVersionKind(rec.Kind))
	if err != nil {
		return nil //nolint:nilerr // it was stored, by another version of Kubernetes
	}
	if service, ok := object.(*core.Service); ok && rec.SubResource == "" {
		allocate(contextOf(rec), service, before.(*core.Service))
	}
	return replaced(s, rec, object, before)
}

// replaced is what [rest.BeforeUpdate] makes of an object, valid or not.
func replaced(s updating, rec *capture.Record, object, before runtime.Object) error {
	o, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	old, err := meta.Accessor(before)
	if err != nil {
		return err
	}
	if o.GetResourceVersion() == "" {
		o.SetResourceVersion(old.GetResourceVersion())
	}
	o.SetGeneration(old.GetGeneration())
	timed(object, before, timeOf(rec), func() { s.PrepareForUpdate(contextOf(rec), object, before) })
	if o.GetUID() == "" {
		o.SetUID(old.GetUID())
	}
	if at := old.GetCreationTimestamp(); !at.IsZero() {
		o.SetCreationTimestamp(at)
	}
	if at := old.GetDeletionTimestamp(); !at.IsZero() {
		o.SetDeletionTimestamp(at)
	}
	if old.GetDeletionGracePeriodSeconds() != nil && o.GetDeletionGracePeriodSeconds() == nil {
		o.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	}
	s.Canonicalize(object)
	return nil
}

// identified gives a new object a name and an identity.
func identified(o metav1.Object, at metav1.Time) {
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(Generated(o.GetGenerateName()))
	}
	o.SetUID(drawnUID)
	o.SetCreationTimestamp(at)
	o.SetDeletionTimestamp(nil)
	o.SetDeletionGracePeriodSeconds(nil)
}

// timeOf is when a request was made; the start of time where nobody knows.
func timeOf(rec *capture.Record) metav1.Time {
	if rec.Time == nil {
		return metav1.NewTime(time.Unix(0, 0).UTC())
	}
	return metav1.NewTime(rec.Time.UTC())
}
