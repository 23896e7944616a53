package kyverno

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/registry"
)

// world answers lookups from a capture's world.
type world struct {
	*capture.World
	written bool // objects are as they are written: suites expect no more
}

var _ lookup = world{}

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
	return objects, nil
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
	name := func(o map[string]any) string {
		name, _, _ := unstructured.NestedString(o, "metadata", "name")
		return name
	}
	slices.SortFunc(objects, func(a, b map[string]any) int { return cmp.Compare(name(a), name(b)) })
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
		return json.Unmarshal(o.Object, &service) == nil && service.Spec.Group == group
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

// InstalledPolicies is the set of policies that a capture shows as installed in a cluster.
func InstalledPolicies(w *capture.World) *policy.Set {
	var objects []policy.Object
	for _, o := range w.Objects(policy.IsPolicyKind) {
		var h struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		}
		if json.Unmarshal(o.Object, &h) != nil {
			continue // the world has decoded it before
		}
		objects = append(objects, policy.Object{
			File: o.Origin.File, Line: o.Origin.Line, APIVersion: h.APIVersion, Kind: h.Kind,
			Namespace: h.Metadata.Namespace, Name: h.Metadata.Name, JSON: clean(o.Object),
		})
	}
	return policy.FromObjects("captured", objects)
}

// clean drops what only a server sets, so that an installed policy equals the same policy
// in a repository.
func clean(raw json.RawMessage) json.RawMessage {
	var object map[string]any
	if utiljson.Unmarshal(raw, &object) != nil {
		return raw
	}
	delete(object, "status")
	if meta, ok := object["metadata"].(map[string]any); ok {
		for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"} {
			delete(meta, field)
		}
		if annotations, ok := meta["annotations"].(map[string]any); ok {
			delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
			if len(annotations) == 0 {
				delete(meta, "annotations")
			}
		}
	}
	cleaned, err := json.Marshal(object)
	if err != nil {
		return raw
	}
	return cleaned
}

// Engine puts programs, one for each side, beside a cluster's world. as is the user of
// records that do not say who sent them; zero leaves them unknown.
func (c *Compiler) Engine(w *capture.World, as capture.User, programs ...*Program) (*Engine, error) {
	env := &environment{everything: c.opt.IgnoreConfiguration}
	own, err := typed[corev1.ConfigMap](w, capture.GVR{Version: "v1", Resource: "configmaps"}, "kyverno", "kyverno")
	if err != nil {
		return nil, err
	}
	if err := env.configure(own); err != nil {
		return nil, err
	}
	unfiltered := &environment{everything: true} // by its default, the scan ignores resource filters
	if err := unfiltered.configure(own); err != nil {
		return nil, err
	}
	rbac := func(resource string) capture.GVR {
		return capture.GVR{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}
	}
	env.bindings = typedList[rbacv1.RoleBinding](w, rbac("rolebindings"))
	env.clusters = typedList[rbacv1.ClusterRoleBinding](w, rbac("clusterrolebindings"))
	env.rolesKnown = bindingsKnown(w) || slices.ContainsFunc(env.clusters, isBootstrap)
	if !slices.ContainsFunc(env.clusters, isBootstrap) {
		env.bootstrapped()
	}
	unfiltered.rolesKnown = true // of nobody
	if env.registry, err = c.registryOf(w); err != nil {
		return nil, err
	}
	unfiltered.registry = env.registry
	env.answers, unfiltered.answers = c.opt.Answers, c.opt.Answers
	if !c.opt.EveryPolicy { // nobody asks about rights in suites
		if env.rights, err = rightsOf(w, programs); err != nil {
			return nil, err
		}
	}
	unfiltered.rights = env.rights
	e := &Engine{env: env, unfiltered: unfiltered, look: world{w, c.opt.EveryPolicy}, as: as, undefined: &undefined{}, reads: env.rights.reading(), crashes: &crashes{}}
	if e.looks, err = looks(e.look.(world), programs); err != nil {
		return nil, err
	}
	for _, p := range programs {
		e.scans = append(e.scans, p.scans)
		e.sides = append(e.sides, newSide(p.units, env.cfg.GetWebhook()))
	}
	return e, nil
}

// registryOf answers in the place of image registries; nil when nothing was recorded.
func (c *Compiler) registryOf(w *capture.World) (http.RoundTripper, error) {
	if c.opt.Registry != nil {
		return c.opt.Registry, nil
	}
	recorded, err := w.RegistryAnswers()
	if err != nil || len(recorded) == 0 {
		return nil, err
	}
	return registry.New(recorded)
}

// bootstrapped adds the bindings that every API server makes for itself: for users that are
// known at all, for controllers. Those that the capture holds stay as they are.
func (e *environment) bootstrapped() {
	have := map[string]bool{}
	for _, b := range e.clusters {
		have[b.Name] = true
	}
	clusters, bindings := admission.Bindings()
	for _, b := range clusters {
		if !have[b.Name] {
			e.clusters = append(e.clusters, b)
		}
	}
	have = map[string]bool{}
	for _, b := range e.bindings {
		have[b.Namespace+"/"+b.Name] = true
	}
	for _, b := range bindings {
		if !have[b.Namespace+"/"+b.Name] {
			e.bindings = append(e.bindings, b)
		}
	}
}

// isBootstrap tells of a binding that every API server makes. A capture that holds it is of
// a cluster, not of a repository, and holds the others too.
func isBootstrap(b *rbacv1.ClusterRoleBinding) bool { return b.Name == "cluster-admin" }

// bindingsKnown says whether the capture holds all bindings: it was made of a whole
// cluster, or says that it listed them.
func bindingsKnown(w *capture.World) bool {
	for _, resource := range []string{"rolebindings", "clusterrolebindings"} {
		if _, known := w.List(capture.GVR{Group: rbacv1.GroupName, Version: "v1", Resource: resource}, ""); !known {
			return false
		}
	}
	return true
}

func typed[T any](w *capture.World, gvr capture.GVR, namespace, name string) (*T, error) {
	found, _ := w.Get(gvr, namespace, name)
	if found == nil {
		return nil, nil
	}
	object := new(T)
	if err := json.Unmarshal(found.Object, object); err != nil {
		return nil, fmt.Errorf("decode %s %s/%s of the capture: %w", gvr.Resource, namespace, name, err)
	}
	return object, nil
}

func typedList[T any](w *capture.World, gvr capture.GVR) []*T {
	found, _ := w.List(gvr, "")
	var out []*T
	for _, o := range found {
		object := new(T)
		if json.Unmarshal(o.Object, object) == nil { // an API server has no others
			out = append(out, object)
		}
	}
	return out
}

// Notes returns what readers of both sides should know, without repetition.
func Notes(programs ...*Program) []string {
	seen := map[string]bool{}
	var notes []string
	for _, p := range programs {
		for _, note := range p.Notes {
			if !seen[note] {
				notes = append(notes, note)
			}
			seen[note] = true
		}
	}
	return notes
}
