package kyverno

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiserver "k8s.io/apiserver/pkg/admission"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// equivalent is a resource of the same storage as another: matchPolicy Equivalent matches any
// of them.
type equivalent struct {
	resource schema.GroupVersionResource
	kind     string
	webhook  bool // converts, which nobody asks here
}

// equivalentKinds are the resources that Kubernetes 1.36 serves in several groups or versions.
var equivalentKinds = []equivalent{
	{resource: schema.GroupVersionResource{Group: "autoscaling", Version: "v1", Resource: "horizontalpodautoscalers"}, kind: "HorizontalPodAutoscaler"},
	{resource: schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}, kind: "HorizontalPodAutoscaler"},
	{resource: schema.GroupVersionResource{Version: "v1", Resource: "events"}, kind: "Event"},
	{resource: schema.GroupVersionResource{Group: "events.k8s.io", Version: "v1", Resource: "events"}, kind: "Event"},
}

// equivalentsOf lists the other kinds in which an API server could send the object of a
// request; none for most. Custom resources have those of their definition.
func equivalentsOf(r *request) (out []equivalent) {
	own := schema.GroupVersionResource(r.adm.Resource)
	if r.adm.SubResource == "" && slices.ContainsFunc(equivalentKinds, func(e equivalent) bool { return e.resource == own }) {
		for _, e := range equivalentKinds {
			if e.resource.Resource == own.Resource && e.resource != own {
				out = append(out, e)
			}
		}
	}
	w, ok := r.look.(world)
	if !ok || r.env.mocks != nil {
		return out
	}
	versions := admission.VersionsOf(w.World, r.rec)
	if versions == nil || !slices.Contains(versions.Served, own.Version) {
		return out
	}
	for _, version := range versions.Served {
		if version != own.Version {
			out = append(out, equivalent{own.GroupResource().WithVersion(version), r.kind.Kind, versions.Webhook})
		}
	}
	return out
}

// unequalled are the interfaces of most requests.
var unequalled = &apiserver.RuntimeObjectInterfaces{EquivalentResourceMapper: runtime.NewEquivalentResourceRegistry()}

// interfaces tell the API server's matcher which resources are equivalent to that of the request.
func (r *request) interfaces() apiserver.ObjectInterfaces {
	if len(r.equivalents) == 0 {
		return unequalled
	}
	registry := runtime.NewEquivalentResourceRegistryWithIdentity(func(g schema.GroupResource) string { return g.Resource })
	for _, e := range r.equivalents {
		registry.RegisterKindFor(e.resource, r.adm.SubResource, e.resource.GroupVersion().WithKind(e.kind))
	}
	own := schema.GroupVersionResource(r.adm.Resource)
	registry.RegisterKindFor(own, r.adm.SubResource, schema.GroupVersionKind(r.adm.Kind))
	return &apiserver.RuntimeObjectInterfaces{EquivalentResourceMapper: registry}
}

// sentAsIs tells whether the webhook of a unit gets the object as it was sent: classic
// policies share one, and an API server converts nothing for a webhook that asks for the
// object's own version on behalf of any of them.
func (s *sideRun) sentAsIs(u phased) bool {
	own, ok := u.unit.(interface{ shared() *classic })
	if !ok || len(s.req.equivalents) == 0 {
		return false
	}
	return slices.ContainsFunc(s.side.units, func(other phased) bool {
		beside, ok := other.unit.(interface{ shared() *classic })
		return ok && other.phase == u.phase && beside.shared().failClosed() == own.shared().failClosed() &&
			beside.shared().kinds.sees(s.req.kind, s.req.adm.SubResource, string(s.req.adm.Operation))
	})
}

// drawsVersion tells of a unit that is called for a subresource by a kind without a version, of
// which several are served: Kyverno's discovery finds each by any of their resources, as a map has
// them in order, and so may find one alone.
func (s *sideRun) drawsVersion(u phased) bool {
	own, ok := u.unit.(interface{ shared() *classic })
	return ok && len(s.req.equivalents) > 0 && own.shared().kinds.unversioned(s.req.kind, s.req.adm.SubResource)
}

// shared is what the units of one classic policy share.
func (c *classic) shared() *classic { return c }

// named is the request as if it were for another version of its kind, with its objects as
// they are.
func (r *request) named(as equivalent) *request {
	to := as.resource.GroupVersion().WithKind(as.kind)
	other := *r
	other.adm.Resource = metav1.GroupVersionResource(as.resource)
	if r.adm.Kind == metav1.GroupVersionKind(r.kind) { // not a scale
		other.adm.Kind = metav1.GroupVersionKind(to)
	}
	other.equivalents = nil
	for _, e := range append(slices.Clone(r.equivalents), equivalent{schema.GroupVersionResource(r.adm.Resource), r.kind.Kind, as.webhook}) {
		if e.resource != as.resource {
			other.equivalents = append(other.equivalents, e)
		}
	}
	other.kind, other.classic, other.cel = to, classicRequest{began: r.classic.began}, celRequest{}
	return &other
}

// convert brings the objects of a request from a version to its own.
func (r *request) convert(from schema.GroupVersionKind, as equivalent) error {
	if from == schema.GroupVersionKind(r.adm.Kind) {
		return nil // it has one version
	}
	if as.webhook {
		return fmt.Errorf("the %s is converted by a webhook for a policy about another version", from.Kind)
	}
	for _, raw := range []*[]byte{&r.adm.Object.Raw, &r.adm.OldObject.Raw, &r.classic.began} {
		object, err := admission.Convert(*raw, capture.GVK(from), capture.GVK(r.adm.Kind))
		if err != nil {
			return fmt.Errorf("convert the %s for a policy about another version: %w", from.Kind, err)
		}
		*raw = object
	}
	return nil
}

// convertible tells whether a unit takes converted objects: one with matchPolicy Exact does not.
func convertible(u unit, req *request) bool {
	exact := func(m *admissionregistrationv1.MatchResources) bool {
		return m != nil && m.MatchPolicy != nil && *m.MatchPolicy == admissionregistrationv1.Exact
	}
	switch u := u.(type) {
	case interface {
		constraints() []*admissionregistrationv1.MatchResources
	}:
		return slices.ContainsFunc(u.constraints(), func(m *admissionregistrationv1.MatchResources) bool { return routes(m, req.routing()) && !exact(m) })
	}
	return true
}
