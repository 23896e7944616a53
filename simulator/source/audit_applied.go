package source

import (
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
)

// builtinTypes are the types of Kubernetes' own kinds, as applies merge them.
var builtinTypes = sync.OnceValue(func() managedfields.TypeConverter { return applyconfigurations.NewTypeConverter(scheme.Scheme) })

// applied is what a server-side apply makes of the object before, with the API server's code. How
// custom resources are merged, their definitions say: that is not read here.
func (p patch) applied() (json.RawMessage, error) {
	live, asked := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	var managed []any
	if !p.builtin() || utiljson.Unmarshal(p.managed, &managed) != nil {
		return nil, fmt.Errorf("how %s is merged is not known", p.gvk.Kind)
	}
	if err := utiljson.Unmarshal(p.before, &live.Object); err != nil {
		return nil, err
	}
	if err := utiljson.Unmarshal(p.body, &asked.Object); err != nil {
		return nil, err
	}
	if err := unstructured.SetNestedSlice(live.Object, managed, "metadata", "managedFields"); err != nil {
		return nil, err
	}
	gvk, same := schema.GroupVersionKind(p.gvk), sameVersion{}
	m, err := managedfields.NewDefaultFieldManager(builtinTypes(), same, same, same, gvk, gvk.GroupVersion(), p.event.ObjectRef.Subresource, nil)
	if err != nil {
		return nil, err
	}
	query := p.event.query()
	made, err := m.Apply(live, asked, query.Get("fieldManager"), query.Get("force") == "true")
	if err != nil {
		return nil, err
	}
	o, ok := made.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("an apply made a %T", made)
	}
	o.SetManagedFields(nil)
	return o.MarshalJSON()
}

// sameVersion leaves objects in their version, and without defaults: those come with the admission.
type sameVersion struct{ runtime.ObjectConvertor }

func (sameVersion) ConvertToVersion(in runtime.Object, to runtime.GroupVersioner) (runtime.Object, error) {
	gvk := in.GetObjectKind().GroupVersionKind()
	if kept, ok := to.KindForGroupVersionKinds([]schema.GroupVersionKind{gvk}); !ok || kept != gvk {
		return nil, fmt.Errorf("%s is not converted", gvk)
	}
	return in, nil
}

func (sameVersion) Default(runtime.Object) {}

func (sameVersion) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(gvk)
	return o, nil
}

// applies tells whether a patch may be a server-side apply, and whether it must be one: only an apply
// may force, and nothing else dates an entry of the fields that a manager applies.
func (e *event) applies(before json.RawMessage) (may, must bool) {
	query := e.query()
	if query.Has("force") {
		return true, true
	}
	var head struct{ APIVersion, Kind string }
	if query.Get("fieldManager") == "" || json.Unmarshal(e.RequestObject, &head) != nil || head.APIVersion == "" || head.Kind == "" {
		return false, false
	}
	after := managedOf(e.ResponseObject)
	if before == nil || after == nil {
		return true, false
	}
	was, is := e.appliedAt(before), e.appliedAt(after)
	return was != "" || is != "", is != "" && was != is
}

// appliedAt is when the manager of a request applied, as the managedFields of an object say; "" for
// never.
func (e *event) appliedAt(managed json.RawMessage) string {
	var entries []struct{ Manager, Operation, Time, Subresource string }
	_ = json.Unmarshal(managed, &entries) // they are an API server's
	for _, entry := range entries {
		if entry.Operation == "Apply" && entry.Manager == e.query().Get("fieldManager") && entry.Subresource == e.ObjectRef.Subresource {
			return entry.Time + " "
		}
	}
	return ""
}

// managedOf are the managedFields of an answer; nil where it shows none.
func managedOf(answer json.RawMessage) json.RawMessage {
	var object struct {
		Metadata struct{ ManagedFields json.RawMessage }
	}
	if json.Unmarshal(answer, &object) != nil {
		return nil
	}
	return object.Metadata.ManagedFields
}
