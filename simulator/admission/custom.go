package admission

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/crdserverscheme"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// custom returns the object of a custom resource as an API server reads it: with the defaults
// of its definition, and without the fields that the definition does not know. Where the
// capture does not hold the definition it stays as it is.
func custom(w *capture.World, rec *capture.Record) (json.RawMessage, error) {
	shape := schemaOf(w, rec)
	if shape == nil {
		return rec.Object, nil
	}
	var object map[string]any
	if err := utiljson.Unmarshal(rec.Object, &object); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	if _, err := shape.shape(object, false); err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

// Undefined tells of a custom resource that is judged as it is written: the capture does not hold
// its definition. Those of Kyverno are the release's.
func Undefined(w *capture.World, rec *capture.Record) bool {
	if !written(rec) || rec.Answered() || strings.HasSuffix(rec.Kind.Group, "kyverno.io") {
		return false
	}
	return !known().Recognizes(schema.GroupVersionKind(rec.Kind)) && schemaOf(w, rec) == nil
}

// shape gives an object the defaults of its schema, drops the fields that the schema does
// not know, and returns their paths. Of what was stored before, malformed metadata is dropped, too.
func (s *customSchema) shape(object map[string]any, stored bool) ([]string, error) {
	defaulting.Default(object, s.Structural)
	return s.prune(object, stored)
}

// prune drops the fields of an object that its schema does not know, and returns their paths.
func (s *customSchema) prune(object map[string]any, stored bool) ([]string, error) {
	meta, hasMeta, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{DropMalformedFields: stored, ReturnUnknownFieldPaths: true})
	if err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	apiVersion, kind := object["apiVersion"], object["kind"]
	if !s.keepsUnknown {
		unknown = append(unknown, pruning.PruneWithOptions(object, s.Structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
		defaulting.PruneNonNullableNullsWithoutDefaults(object, s.Structural)
	}
	if err := objectmeta.Coerce(nil, object, s.Structural, false, stored); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	object["apiVersion"], object["kind"] = apiVersion, kind
	if hasMeta {
		if err := objectmeta.SetObjectMeta(object, meta); err != nil {
			return nil, fmt.Errorf("write the metadata: %w", err)
		}
	}
	return unknown, nil
}

// customSchema is the schema of one version of a custom resource.
type customSchema struct {
	*structuralschema.Structural
	keepsUnknown bool     // fields
	strategy     strategy // nil: whether an object is valid is not known
}

// structural remembers schemas by their definition: a capture's objects are never changed.
var structural sync.Map // *capture.WorldObject → map[string]*customSchema by version

// schemaOf is the schema of a record's object; nil where the world does not hold its
// definition, or that has none for the version.
func schemaOf(w *capture.World, rec *capture.Record) *customSchema {
	found := definitionOf(w, rec)
	if found == nil {
		return nil
	}
	versions, ok := structural.Load(found)
	if !ok {
		versions, _ = structural.LoadOrStore(found, schemasOf(found.Object))
	}
	return versions.(map[string]*customSchema)[rec.Kind.Version]
}

// definitionOf is the definition of a record's kind; nil where the world does not hold it.
func definitionOf(w *capture.World, rec *capture.Record) *capture.WorldObject {
	if w == nil {
		return nil
	}
	found, _ := w.Guessing().Get(capture.GVR{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}, "", rec.Resource.Resource+"."+rec.Resource.Group)
	return found
}

// schemasOf reads the schemas of a definition. One that an API server would not take, has none.
func schemasOf(raw json.RawMessage) map[string]*customSchema {
	schemas := map[string]*customSchema{}
	var definition apiextensionsv1.CustomResourceDefinition
	if json.Unmarshal(raw, &definition) != nil {
		return schemas
	}
	for _, v := range definition.Spec.Versions {
		if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
			continue
		}
		var inside apiextensions.JSONSchemaProps
		if apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &inside, nil) != nil {
			continue
		}
		if read, err := structuralschema.NewStructural(&inside); err == nil {
			schemas[v.Name] = &customSchema{read, definition.Spec.PreserveUnknownFields, strategyOf(&definition, v, &inside, read)}
		}
	}
	return schemas
}

// strategyOf is what an API server does with objects of a version; its rules in CEL are not
// asked. nil: the schema cannot be read.
func strategyOf(d *apiextensionsv1.CustomResourceDefinition, v apiextensionsv1.CustomResourceDefinitionVersion, inside *apiextensions.JSONSchemaProps, read *structuralschema.Structural) strategy {
	validator, _, err := validation.NewSchemaValidator(inside)
	if err != nil {
		return nil
	}
	var own *apiextensions.CustomResourceSubresourceStatus // not judged where the object itself is written
	if v.Subresources != nil && v.Subresources.Status != nil {
		own = &apiextensions.CustomResourceSubresourceStatus{}
	}
	gvk := schema.GroupVersionKind{Group: d.Spec.Group, Version: v.Name, Kind: d.Spec.Names.Kind}
	namespaced := d.Spec.Scope == apiextensionsv1.NamespaceScoped
	return customresource.NewStrategy(crdserverscheme.NewUnstructuredObjectTyper(), namespaced, gvk, validator, nil, read, own, nil, nil)
}
