package kyverno

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdbuilder "k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/openapi"
	"k8s.io/kube-openapi/pkg/spec3"
	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
	smd "sigs.k8s.io/structured-merge-diff/v6/typed"
)

// schemaVersion is the Kubernetes release whose built-in types mutations are merged by:
// the newest that the embedded schemas hold.
const schemaVersion = "1.35"

// typeConverters merges what mutations of type ApplyConfiguration set by the OpenAPI
// schemas of the types, as an API server does: lists are merged by their keys. Schemas are
// read when they are first asked for: built-in types from the binary, custom ones from the
// CRDs in the capture. The zero value is ready and safe for concurrent use.
type typeConverters struct {
	mu      sync.Mutex
	paths   map[string]openapi.GroupVersion
	builtin map[schema.GroupVersion]managedfields.TypeConverter // nil: not built in
	custom  map[customType]managedfields.TypeConverter          // nil: no CRD in the capture
}

type customType struct {
	look lookup
	gvk  schema.GroupVersionKind
}

// typesFor is the converters on behalf of one request.
type typesFor struct {
	*typeConverters
	req *request
}

// GetTypeConverter returns the converter of a kind.
func (t typesFor) GetTypeConverter(gvk schema.GroupVersionKind) managedfields.TypeConverter {
	t.mu.Lock()
	defer t.mu.Unlock()
	made, ok := t.builtin[gvk.GroupVersion()]
	if !ok {
		made = t.readBuiltin(gvk.GroupVersion())
	}
	if made != nil {
		return made
	}
	key := customType{t.req.look, gvk}
	made, ok = t.custom[key]
	if !ok {
		made = readCustom(t.req.look, gvk)
		if t.custom == nil {
			t.custom = map[customType]managedfields.TypeConverter{}
		}
		t.custom[key] = made
	}
	if made == nil {
		return unknownType{managedfields.NewDeducedTypeConverter(), t.req, gvk}
	}
	return made
}

// readBuiltin reads the schema of a built-in group version; nil when it is none. Callers hold mu.
func (t typesFor) readBuiltin(gv schema.GroupVersion) managedfields.TypeConverter {
	if t.builtin == nil {
		t.builtin = map[schema.GroupVersion]managedfields.TypeConverter{}
		t.paths, _ = openapiclient.NewHardcodedBuiltins(schemaVersion).Paths() // embedded: it cannot fail
	}
	path := "apis/" + gv.String()
	if gv.Group == "" {
		path = "api/" + gv.Version
	}
	t.builtin[gv] = nil
	entry, ok := t.paths[path]
	if !ok {
		return nil
	}
	content, err := entry.Schema(runtime.ContentTypeJSON)
	if err != nil {
		return nil
	}
	var document spec3.OpenAPI
	if err := json.Unmarshal(content, &document); err != nil {
		return nil
	}
	made, err := managedfields.NewTypeConverter(document.Components.Schemas, false)
	if err != nil {
		return nil
	}
	t.builtin[gv] = made
	return made
}

// readCustom makes a converter of the CRD in the capture; nil when there is none.
func readCustom(look lookup, gvk schema.GroupVersionKind) managedfields.TypeConverter {
	gvr, _, ok := look.resourceFor(gvk)
	if !ok {
		return nil
	}
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	object, err := look.get(crds, "", gvr.Resource+"."+gvr.Group)
	if err != nil {
		return nil
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, crd); err != nil {
		return nil
	}
	if !slices.ContainsFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == gvk.Version }) {
		return nil
	}
	document, err := crdbuilder.BuildOpenAPIV3(crd, gvk.Version, crdbuilder.Options{V2: false})
	if err != nil {
		return nil
	}
	made, err := managedfields.NewTypeConverter(document.Components.Schemas, false)
	if err != nil {
		return nil
	}
	return made
}

// unknownType stands for the converter of a custom type whose CRD the capture does not
// hold. Asking it for anything is a miss of the request.
type unknownType struct {
	managedfields.TypeConverter
	req *request
	gvk schema.GroupVersionKind
}

// ObjectToTyped notes that the schema is not known.
func (u unknownType) ObjectToTyped(object runtime.Object, options ...smd.ValidationOptions) (*smd.TypedValue, error) {
	u.req.misses.add(fmt.Sprintf("the CustomResourceDefinition of %s is not in the capture", u.gvk.Kind), "capture its CustomResourceDefinition")
	return u.TypeConverter.ObjectToTyped(object, options...)
}
