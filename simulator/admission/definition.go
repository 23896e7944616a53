package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/crdserverscheme"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// A Definition is a CustomResourceDefinition as an API server uses it for new objects.
type Definition struct{ versions map[string]definedVersion }

// definedVersion is one version of it: a schema with the strategy that checks new objects.
type definedVersion struct {
	*customSchema
	rest.RESTCreateStrategy
}

// NewDefinition reads a CustomResourceDefinition, written as JSON.
func NewDefinition(raw json.RawMessage) (*Definition, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := json.Unmarshal(raw, &crd); err != nil {
		return nil, fmt.Errorf("decode the definition: %w", err)
	}
	d := &Definition{versions: map[string]definedVersion{}}
	for _, v := range crd.Spec.Versions {
		if !v.Served || v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
			continue
		}
		var inside apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &inside, nil); err != nil {
			return nil, fmt.Errorf("read the schema of %s: %w", crd.Name, err)
		}
		structural, err := structuralschema.NewStructural(&inside)
		if err != nil {
			return nil, fmt.Errorf("read the schema of %s: %w", crd.Name, err)
		}
		validator, _, err := validation.NewSchemaValidator(&inside)
		if err != nil {
			return nil, fmt.Errorf("read the schema of %s: %w", crd.Name, err)
		}
		gvk := schema.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: crd.Spec.Names.Kind}
		d.versions[v.Name] = definedVersion{
			&customSchema{Structural: structural, keepsUnknown: crd.Spec.PreserveUnknownFields},
			customresource.NewStrategy(crdserverscheme.NewUnstructuredObjectTyper(), crd.Spec.Scope == apiextensionsv1.NamespaceScoped, gvk, validator, nil, structural, nil, nil, nil),
		}
	}
	return d, nil
}

// Store returns a new object as an API server stores it: with defaults, and without the
// fields that the definition does not know, which are named. A *Refused error says that it
// is not taken. Status is dropped. Of versions that are not defined nothing is known.
func (d *Definition) Store(raw json.RawMessage) (stored json.RawMessage, dropped []string, err error) {
	u := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(raw, &u.Object); err != nil {
		return nil, nil, &Refused{Undecodable + err.Error()}
	}
	v, ok := d.versions[u.GroupVersionKind().Version]
	if !ok {
		return raw, nil, nil
	}
	delete(u.Object, "status")
	if dropped, err = v.shape(u.Object, false); err != nil {
		return nil, nil, err
	}
	checked := u.DeepCopy()
	rest.FillObjectMetaSystemFields(checked)
	if err := rest.BeforeCreate(v.RESTCreateStrategy, request.WithNamespace(context.Background(), checked.GetNamespace()), checked); err != nil {
		return nil, dropped, &Refused{faultsOf(err)}
	}
	stored, err = json.Marshal(u.Object)
	return stored, dropped, err
}

// faultsOf is what an API server says is invalid, without the name of the object.
func faultsOf(err error) string {
	var status *apierrors.StatusError
	if !errors.As(err, &status) {
		return err.Error()
	}
	_, text, ok := strings.Cut(status.ErrStatus.Message, " is invalid: ")
	if !ok {
		return status.ErrStatus.Message
	}
	return text
}
