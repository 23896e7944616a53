package kyverno

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kyverno/kyverno/ext/wildcard"
	"github.com/kyverno/kyverno/pkg/clients/dclient"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// client answers Kyverno's engine from the capture, on behalf of one request, so that
// what it cannot answer is known to be this request's. It does not do: writes, metrics and
// other aggregated APIs, watch.
type client struct {
	req *request
	// clones: the generator asks. What it clones it may read, or the policy would not have been
	// taken, and whatever is in it decides nothing.
	clones bool
	// reads: who asks reads what the API server says of a request that it does not take.
	reads bool
}

var _ engineapi.Client = client{}

// read gets an object for a controller of Kyverno, which may not be allowed to.
func (c client) read(gvr schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	if err := c.may("get", gvr, namespace, name); err != nil {
		return nil, err
	}
	return c.get(gvr, namespace, name)
}

// readAll lists objects for a controller of Kyverno, which may not be allowed to.
func (c client) readAll(gvr schema.GroupVersionResource, namespace string, selector labels.Selector) ([]map[string]any, error) {
	if err := c.may("list", gvr, namespace, ""); err != nil {
		return nil, err
	}
	return c.list(gvr, namespace, selector)
}

func (c client) get(gvr schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	if c.req.makes(gvr, namespace, name) {
		return nil, apierrors.NewNotFound(gvr.GroupResource(), name)
	}
	if err := c.inForce(gvr); err != nil {
		return nil, err
	}
	object, err := c.req.look.get(gvr, namespace, name)
	if apierrors.IsNotFound(err) && gvr == namespaces && namespace == "" && name == c.req.rec.Namespace {
		// A request into a namespace says that it is there.
		return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "labels": map[string]any{metav1LabelName: name}}}, nil
	}
	if errors.Is(err, errUnknown) {
		what := strings.TrimPrefix(namespace+"/"+name, "/")
		if kind, ok := c.req.look.kindFor(gvr); ok {
			what = kind.Kind + " " + what
		} else {
			what = gvr.Resource + " " + what
		}
		if w, ok := c.req.look.(world); ok && w.Changes(capture.GVR(gvr), namespace, name) {
			return nil, c.changed(gvr, what)
		}
		return nil, c.unknown(what, c.req.captures(gvr.Resource))
	}
	c.lookedUp(gvr, object)
	return object, err
}

func (c client) list(gvr schema.GroupVersionResource, namespace string, selector labels.Selector) ([]map[string]any, error) {
	if _, err := labels.Parse(selector.String()); err != nil { // made of values that no label has
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if err := c.inForce(gvr); err != nil {
		return nil, err
	}
	all, err := c.req.look.list(gvr, namespace)
	if w, ok := c.req.look.(world); ok && errors.Is(err, errUnknown) && w.Knows(capture.GVR(gvr), namespace) {
		return nil, c.changed(gvr, "the list of "+gvr.Resource)
	}
	if errors.Is(err, errUnknown) {
		return nil, c.unknown("the list of "+gvr.Resource, c.req.captures(gvr.Resource))
	}
	if err != nil {
		return nil, err
	}
	found := make([]map[string]any, 0, len(all))
	for _, object := range all {
		u := unstructured.Unstructured{Object: object}
		if selector.Matches(labels.Set(u.GetLabels())) && !c.req.makes(gvr, u.GetNamespace(), u.GetName()) {
			found = append(found, object)
		}
	}
	c.lookedUp(gvr, found...)
	return found, nil
}

// captures says what to do about a resource whose objects are not known.
func (r *request) captures(resource string) string {
	if r.rec.Origin.Source == "cluster" {
		return "capture the cluster's " + resource + " too: the capture did not ask for them, or had no right to list them"
	}
	return "capture the cluster's " + resource + " too, or say with --complete that what the files do not show does not exist"
}

// inForce says that policies are not looked up: the world holds those of the capture, and what
// is in force is a side's own.
func (c client) inForce(gvr schema.GroupVersionResource) error {
	if c.req.env.mocks != nil {
		return nil
	}
	kind, known := c.req.look.kindFor(gvr)
	if !policy.IsPolicyKind(kind.GroupVersion().String(), kind.Kind) && (known || !strings.HasSuffix(gvr.Group, "kyverno.io")) {
		return nil
	}
	return c.unknown("which "+gvr.Resource+" are in force", "rehearse this policy on a fleet")
}

// changed is unknown of what an audit log shows as changed, and not how it was before or after.
func (c client) changed(gvr schema.GroupVersionResource, what string) error {
	return c.unknown(what+" as it was at the time of the request", "raise the audit policy's level for "+gvr.Resource+" to RequestResponse: the log shows a change, and not of what")
}

// unknown records what could not be answered and returns the error that the engine sees.
func (c client) unknown(what, resolve string) error {
	c.req.misses.add(what+" is not in the capture", resolve)
	return fmt.Errorf("%s: %w", what, errUnknown)
}

func (c client) GetResource(_ context.Context, apiVersion, kind, namespace, name string, _ ...string) (*unstructured.Unstructured, error) {
	gvr, err := c.resource(apiVersion, kind)
	if err != nil {
		return nil, err
	}
	object, err := c.read(gvr, namespace, name)
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: object}, nil
}

func (c client) ListResource(_ context.Context, apiVersion, kind, namespace string, selector *metav1.LabelSelector) (*unstructured.UnstructuredList, error) {
	gvr, err := c.resource(apiVersion, kind)
	if err != nil {
		return nil, err
	}
	match, err := asSelector(selector)
	if err != nil {
		return nil, err
	}
	objects, err := c.readAll(gvr, namespace, match)
	if err != nil {
		return nil, err
	}
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(apiVersion)
	list.SetKind(kind + "List")
	for _, object := range objects {
		list.Items = append(list.Items, unstructured.Unstructured{Object: object})
	}
	return list, nil
}

// GetResources finds the targets of mutate-existing rules. Name may hold wildcards.
func (c client) GetResources(_ context.Context, group, version, kind, subresource, namespace, name string, selector *metav1.LabelSelector) ([]engineapi.Resource, error) {
	resources, err := c.resources(group, version, kind)
	if err != nil {
		return nil, err
	}
	match, err := asSelector(selector)
	if err != nil {
		return nil, err
	}
	in := namespace
	if wildcard.ContainsWildcard(in) {
		in = ""
	}
	var found []engineapi.Resource
	for _, gvr := range resources {
		objects, err := c.list(gvr, in, match)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			u := unstructured.Unstructured{Object: object}
			if name != "" && !wildcard.Match(name, u.GetName()) || namespace != "" && !wildcard.Match(namespace, u.GetNamespace()) {
				continue
			}
			found = append(found, engineapi.Resource{Group: gvr.Group, Version: gvr.Version, Resource: gvr.Resource, SubResource: subresource, Unstructured: u})
		}
	}
	return found, nil
}

// resources finds the resources of a kind. Any part may hold wildcards: a target of
// apiVersion v1 comes as group "*".
func (c client) resources(group, version, kind string) ([]schema.GroupVersionResource, error) {
	if !strings.ContainsAny(group+version+kind, "*?") {
		gvr, err := c.resource(schema.GroupVersion{Group: group, Version: version}.String(), kind)
		return []schema.GroupVersionResource{gvr}, err
	}
	var found []schema.GroupVersionResource
	c.req.look.each(func(gvk schema.GroupVersionKind, gvr schema.GroupVersionResource) {
		if wildcard.Match(group, gvk.Group) && wildcard.Match(version, gvk.Version) && wildcard.Match(kind, gvk.Kind) {
			found = append(found, gvr)
		}
	})
	if len(found) == 0 {
		return nil, c.unknown("the resource of kind "+group+"/"+version+"/"+kind, "capture its CustomResourceDefinition")
	}
	slices.SortFunc(found, func(a, b schema.GroupVersionResource) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

func (c client) GetNamespace(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Namespace, error) {
	object, err := c.read(namespaces, "", name)
	if err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, namespace); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	return namespace, nil
}

func (c client) IsNamespaced(group, version, kind string) (bool, error) {
	_, namespaced, ok := c.req.look.resourceFor(schema.GroupVersionKind{Group: group, Version: version, Kind: kind})
	if ok {
		return namespaced, nil
	}
	gv := schema.GroupVersion{Group: group, Version: version}
	if w, isWorld := c.req.look.(world); !isWorld || w.unserved(gv.WithResource("")) {
		return false, dclient.ErrResourceNotFound
	}
	return false, c.unknown("the resource of kind "+gv.String()+" "+kind, "capture its CustomResourceDefinition")
}

func (c client) resource(apiVersion, kind string) (schema.GroupVersionResource, error) {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	gvr, _, ok := c.req.look.resourceFor(gvk)
	if !ok && c.req.env.mocks == nil {
		return gvr, c.unknown("the resource of kind "+apiVersion+" "+kind, "capture its CustomResourceDefinition")
	}
	return gvr, nil
}

func asSelector(selector *metav1.LabelSelector) (labels.Selector, error) {
	if selector == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(selector)
}

// Get makes client a resolver of ConfigMap context entries.
func (c client) Get(_ context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	object, err := c.read(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, namespace, name)
	if err != nil {
		return nil, err
	}
	cm := &corev1.ConfigMap{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, cm); err != nil {
		return nil, fmt.Errorf("ConfigMap %s/%s: %w", namespace, name, err)
	}
	return cm, nil
}
