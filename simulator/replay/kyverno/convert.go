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

// equivalents knows the resources that Kubernetes 1.36 serves in several groups or
// versions of the same storage: matchPolicy Equivalent matches any of them.
var equivalents = &apiserver.RuntimeObjectInterfaces{EquivalentResourceMapper: newEquivalents()}

type equivalentKind struct {
	resource schema.GroupVersionResource
	kind     string
}

var equivalentKinds = []equivalentKind{
	{schema.GroupVersionResource{Group: "autoscaling", Version: "v1", Resource: "horizontalpodautoscalers"}, "HorizontalPodAutoscaler"},
	{schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}, "HorizontalPodAutoscaler"},
	{schema.GroupVersionResource{Version: "v1", Resource: "events"}, "Event"},
	{schema.GroupVersionResource{Group: "events.k8s.io", Version: "v1", Resource: "events"}, "Event"},
}

func newEquivalents() runtime.EquivalentResourceMapper {
	registry := runtime.NewEquivalentResourceRegistryWithIdentity(func(r schema.GroupResource) string { return r.Resource })
	for _, e := range equivalentKinds {
		registry.RegisterKindFor(e.resource, "", e.resource.GroupVersion().WithKind(e.kind))
	}
	return registry
}

// equivalentsOf lists the other kinds in which an API server could send the object of a
// request; none for most.
func equivalentsOf(r *request) (out []int) {
	own := schema.GroupVersionResource(r.adm.Resource)
	if r.adm.SubResource != "" || !slices.ContainsFunc(equivalentKinds, func(e equivalentKind) bool { return e.resource == own }) {
		return nil
	}
	for i, e := range equivalentKinds {
		if e.resource.Resource == own.Resource && e.resource != own {
			out = append(out, i)
		}
	}
	return out
}

// sentAsIs tells whether the webhook of a unit gets the object as it was sent: classic
// policies share one, and an API server converts nothing for a webhook that asks for the
// object's own version on behalf of any of them.
func (s *sideRun) sentAsIs(u phased) bool {
	own, ok := u.unit.(interface{ shared() *classic })
	if !ok || len(equivalentsOf(&s.req)) == 0 {
		return false
	}
	return slices.ContainsFunc(s.side.units, func(other phased) bool {
		beside, ok := other.unit.(interface{ shared() *classic })
		return ok && other.phase == u.phase && beside.shared().failClosed() == own.shared().failClosed() &&
			beside.shared().kinds.sees(s.req.kind, s.req.adm.SubResource, string(s.req.adm.Operation))
	})
}

// shared is what the units of one classic policy share.
func (c *classic) shared() *classic { return c }

// named is the request as if it were for another version of its kind, with its objects as
// they are.
func (r *request) named(equivalent int) *request {
	e := equivalentKinds[equivalent]
	to := e.resource.GroupVersion().WithKind(e.kind)
	other := *r
	other.adm.Kind, other.adm.Resource = metav1.GroupVersionKind(to), metav1.GroupVersionResource(e.resource)
	other.kind, other.classic, other.cel = to, classicRequest{began: r.classic.began}, celRequest{}
	return &other
}

// convert brings the objects of a request from a version to its own.
func (r *request) convert(from schema.GroupVersionKind) error {
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
