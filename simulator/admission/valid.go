package admission

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	genericrequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/apis/core"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Valid tells whether an API server takes an object, as it is after all mutations, for a valid
// one: before anybody validates by policy it asks the code that is asked here. A *Refused error
// has its words; others are ours. Of the kinds that it does not know, nor the world defines,
// the metadata is judged. An update whose old object is not known is judged by itself.
func Valid(w *capture.World, rec *capture.Record, object json.RawMessage) error {
	if !written(rec) || rec.SubResource != "" || len(object) == 0 {
		return nil
	}
	if err := conflict(rec, object); err != nil {
		return refusedFor(err)
	}
	if err := valid(w, rec, object); err != nil {
		return err
	}
	return versioned(rec, object)
}

func valid(w *capture.World, rec *capture.Record, object json.RawMessage) error {
	gvk := schema.GroupVersionKind(rec.Kind)
	if !known().Recognizes(gvk) {
		return validCustom(w, rec, object)
	}
	s, ok := strategyFor(rec)
	if !ok {
		return validMeta(rec, object)
	}
	after, err := decode(object, gvk)
	if err != nil {
		return err
	}
	service, isService := after.(*core.Service)
	if rec.Operation == capture.Create {
		if isService { // has what is drawn for it by the time it is judged
			allocate(contextOf(rec), service, nil)
		}
		return refusedFor(create(contextOf(rec), s, after))
	}
	old := object
	if len(rec.OldObject) > 0 {
		old = rec.OldObject
	}
	before, err := decode(old, gvk)
	if err != nil {
		return nil //nolint:nilerr // it was stored, by another version of Kubernetes
	}
	if was, ok := before.(*core.Service); ok && isService {
		allocate(contextOf(rec), service, was)
	}
	return refusedFor(update(contextOf(rec), s, after, before))
}

// contextOf is what the code of an API server reads of a request.
func contextOf(rec *capture.Record) context.Context {
	ctx := genericrequest.WithNamespace(context.Background(), rec.Namespace)
	if u := rec.User; u.Username != "" {
		ctx = genericrequest.WithUser(ctx, &user.DefaultInfo{Name: u.Username, UID: u.UID, Groups: u.Groups, Extra: u.Extra})
	}
	return genericrequest.WithRequestInfo(ctx, &genericrequest.RequestInfo{
		IsResourceRequest: true, APIGroup: rec.Resource.Group, APIVersion: rec.Resource.Version,
		Resource: rec.Resource.Resource, Namespace: rec.Namespace, Name: rec.Name,
	})
}

func create(ctx context.Context, s strategy, object runtime.Object) error {
	o, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	rest.FillObjectMetaSystemFields(o)
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(Generated(o.GetGenerateName()))
	}
	return rest.BeforeCreate(s, ctx, object)
}

func update(ctx context.Context, s strategy, after, before runtime.Object) error {
	o, err := meta.Accessor(after)
	if err != nil {
		return err
	}
	old, err := meta.Accessor(before)
	if err != nil {
		return err
	}
	if old.GetResourceVersion() == "" { // every stored object has one
		old.SetResourceVersion("1")
	}
	o.SetResourceVersion(old.GetResourceVersion())
	return rest.BeforeUpdate(s, ctx, after, before)
}

// refusedFor makes the API server's error a *Refused; what it cannot tell is ours.
func refusedFor(err error) error {
	if err == nil {
		return nil
	}
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsConflict(err) {
		return &Refused{err.Error()}
	}
	return fmt.Errorf("validate the object: %w", err)
}

// validMeta judges the metadata alone.
func validMeta(rec *capture.Record, object json.RawMessage) error {
	var head struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	if json.Unmarshal(object, &head) != nil {
		return nil // of a custom resource such metadata is dropped when it is read again
	}
	m := &head.Metadata
	if m.Name == "" && m.GenerateName != "" {
		m.Name = Generated(m.GenerateName)
	}
	any := func(string, bool) []string { return nil } // names are the kind's own affair
	return invalid(rec, m.Name, apivalidation.ValidateObjectMeta(m, rec.Namespace != "", any, field.NewPath("metadata")))
}

// validCustom judges a custom resource by its definition, or else by its metadata.
func validCustom(w *capture.World, rec *capture.Record, object json.RawMessage) error {
	s := schemaOf(w, rec)
	if s == nil || s.strategy == nil {
		return validMeta(rec, object)
	}
	after, before := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(object, &after.Object); err != nil {
		return &Refused{Undecodable + err.Error()}
	}
	if rec.Operation == capture.Create || utiljson.Unmarshal(rec.OldObject, &before.Object) != nil {
		return refusedFor(create(contextOf(rec), s.strategy, after))
	}
	return refusedFor(update(contextOf(rec), s.strategy, after, before))
}

func invalid(rec *capture.Record, name string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	kind := schema.GroupKind{Group: rec.Kind.Group, Kind: rec.Kind.Kind}
	return &Refused{apierrors.NewInvalid(kind, name, errs).Error()}
}
