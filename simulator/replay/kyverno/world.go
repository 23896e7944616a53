package kyverno

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kyverno/kyverno/ext/wildcard"
	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// world answers lookups from a capture's world.
type world struct {
	*capture.World
	written bool    // objects are as they are written: suites expect no more
	rights  *rights // of Kyverno with the roles that come with the policies; nil: those of the cluster
}

var _ lookup = world{}

// at is what is looked up when a request is made.
func at(look lookup, rec *capture.Record) lookup {
	w, ok := look.(world)
	if !ok {
		return look
	}
	w.World = w.At(rec)
	return w
}

func (w world) get(gvr schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	if w.unserved(gvr) || w.misplaced(gvr, namespace) {
		return nil, errUnserved()
	}
	found, known := w.Get(capture.GVR(gvr), namespace, name)
	if found != nil {
		object, err := w.decode(gvr, found)
		if words(err) != "" { // no API server has it
			err = apierrors.NewNotFound(gvr.GroupResource(), name)
		}
		return object, err
	}
	if known && !w.written && gvr == namespaces && slices.Contains(everywhere, name) {
		return systemNamespace(name), nil
	}
	if known {
		return nil, apierrors.NewNotFound(gvr.GroupResource(), name)
	}
	return nil, errUnknown
}

func (w world) list(gvr schema.GroupVersionResource, namespace string) ([]map[string]any, error) {
	if w.unserved(gvr) || w.misplaced(gvr, namespace) {
		return nil, errUnserved()
	}
	found, known := w.List(capture.GVR(gvr), namespace)
	if !known {
		return nil, errUnknown
	}
	objects := make([]map[string]any, 0, len(found))
	for _, o := range found {
		object, err := w.decode(gvr, o)
		if words(err) != "" {
			continue
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	if gvr == namespaces && !w.written {
		objects = w.withSystem(objects)
	}
	if namespace == "" && !w.written {
		slices.SortStableFunc(objects, inKeyOrder)
	}
	return objects, nil
}

// inKeyOrder orders objects as an API server lists them: by the keys that they are stored under, in
// which a slash follows the namespace.
func inKeyOrder(a, b map[string]any) int { return cmp.Compare(keyOf(a), keyOf(b)) }

func keyOf(object map[string]any) string {
	u := unstructured.Unstructured{Object: object}
	if namespace := u.GetNamespace(); namespace != "" {
		return namespace + "/" + u.GetName()
	}
	return u.GetName()
}

// namespaces are what every cluster has some of, whatever a repository holds.
var (
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	everywhere = []string{"default", "kube-node-lease", "kube-public", "kube-system"}
)

func systemNamespace(name string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": name, "labels": map[string]any{metav1LabelName: name}},
		"spec":     map[string]any{"finalizers": []any{"kubernetes"}}, "status": map[string]any{"phase": "Active"},
	}
}

// withSystem adds the namespaces of every cluster to those of the capture.
func (w world) withSystem(objects []map[string]any) []map[string]any {
	for _, name := range everywhere {
		if found, _ := w.Get(capture.GVR(namespaces), "", name); found == nil {
			objects = append(objects, systemNamespace(name))
		}
	}
	return objects
}

// unserved tells whether the API server has no such resource: nobody can add to the core
// group, and versions of Kubernetes' own kinds are removed in time.
func (w world) unserved(gvr schema.GroupVersionResource) bool {
	gvk, known := w.Resources.KindFor(capture.GVR(gvr))
	if !known {
		return gvr.Group == "" || !w.written && w.definedNowhere(gvr.Group)
	}
	object, err := scheme.Scheme.New(schema.GroupVersionKind(gvk))
	if err != nil {
		return false
	}
	lifecycle, ok := object.(interface{ APILifecycleRemoved() (major, minor int) })
	if !ok {
		return false
	}
	server, err := version.ParseGeneric(cmp.Or(w.Cluster.ServerVersion, assumedVersion))
	if err != nil {
		return false
	}
	major, minor := lifecycle.APILifecycleRemoved()
	return server.AtLeast(version.MajorMinor(uint(major), uint(minor)))
}

// misplaced tells of a namespace that is given for a kind that has none: no path leads there.
func (w world) misplaced(gvr schema.GroupVersionResource, namespace string) bool {
	gvk, known := w.Resources.KindFor(capture.GVR(gvr))
	_, namespaced, _ := w.Resources.ResourceFor(gvk)
	return known && namespace != "" && !namespaced
}

// definedNowhere tells that nothing in a cluster that is known as a whole serves a group.
func (w world) definedNowhere(group string) bool {
	services, all := w.List(capture.GVR{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}, "")
	if !all || !w.Knows(capture.GVR{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}, "") {
		return false
	}
	return !slices.ContainsFunc(services, func(o *capture.WorldObject) bool {
		var service struct{ Spec struct{ Group string } }
		return json.Unmarshal(o.Object, &service) == nil && wildcard.Match(group, service.Spec.Group)
	})
}

// errUnserved is the API server's answer for a path that it does not serve.
func errUnserved() error { return errNoResource("404 page not found") }

// errNoResource is what a client of the API server makes of an answer that nothing is there.
func errNoResource(body string) error {
	return apierrors.NewGenericServerResponse(http.StatusNotFound, "get", schema.GroupResource{}, "", body, 0, true)
}

// existing remembers objects as an API server returns them: those of a capture never change.
var existing sync.Map // existingKey → json.RawMessage

type existingKey struct {
	object *capture.WorldObject
	as     schema.GroupVersionResource
}

// decode decodes an object as Kyverno's clients do, with integers.
func (w world) decode(gvr schema.GroupVersionResource, o *capture.WorldObject) (map[string]any, error) {
	raw := o.Object
	if !w.written {
		var err error
		if raw, err = w.existing(gvr, o); err != nil {
			return nil, fmt.Errorf("read a captured %s: %w", gvr.Resource, err)
		}
	}
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("decode a captured %s: %w", gvr.Resource, err)
	}
	return object, nil
}

func (w world) existing(gvr schema.GroupVersionResource, o *capture.WorldObject) (json.RawMessage, error) {
	key := existingKey{o, gvr}
	if known, ok := existing.Load(key); ok {
		return known.(json.RawMessage), nil
	}
	made, err := admission.Existing(w.World, o, capture.GVR(gvr))
	if err != nil {
		return nil, err
	}
	existing.Store(key, made)
	return made, nil
}

func (w world) kindFor(gvr schema.GroupVersionResource) (schema.GroupVersionKind, bool) {
	gvk, ok := w.Resources.KindFor(capture.GVR(gvr))
	return schema.GroupVersionKind(gvk), ok
}

func (w world) resourceFor(gvk schema.GroupVersionKind) (schema.GroupVersionResource, bool, bool) {
	gvr, namespaced, ok := w.Resources.ResourceFor(capture.GVK(gvk))
	return schema.GroupVersionResource(gvr), namespaced, ok
}

func (w world) each(f func(schema.GroupVersionKind, schema.GroupVersionResource)) {
	w.Resources.Each(func(gvk capture.GVK, gvr capture.GVR, _ bool) {
		f(schema.GroupVersionKind(gvk), schema.GroupVersionResource(gvr))
	})
}
