package kyverno

import (
	"context"
	"fmt"

	kyvernomatching "github.com/kyverno/kyverno/pkg/cel/matching"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// admissionCall is one request on its way through the API server's own policies.
type admissionCall struct {
	req       *request
	attr      *admission.VersionedAttributes
	namespace *corev1.Namespace // as expressions see it: nil for Namespaces themselves
	matcher   *matching.Matcher
	resource  schema.GroupVersionResource // as the policy matched it
	assumed   bool                        // that the policy selects the old object, which is not known
}

// begin prepares a request. Objects that a request does not have are nil, as in the API server.
func (r *request) begin() (*admissionCall, error) {
	body, err := r.decoded()
	if err != nil {
		return nil, err
	}
	var object, old runtime.Object
	if len(r.adm.Object.Raw) > 0 {
		object = body.attr.GetObject()
	}
	if len(r.adm.OldObject.Raw) > 0 {
		old = body.attr.GetOldObject()
	}
	attr := r.attributes(object, old)
	call := &admissionCall{req: r, resource: attr.GetResource()}
	call.attr = &admission.VersionedAttributes{Attributes: attr, VersionedObject: object, VersionedOldObject: old, VersionedKind: attr.GetKind()}
	if r.adm.Kind.Kind != "Namespace" || r.adm.Kind.Group != "" {
		call.namespace = body.typed
	}
	call.matcher = matching.NewMatcher(oneNamespace{body.typed}, nil)
	return call, nil
}

// asked are the attributes that expressions see: where the policy is about another version of the
// kind, the object is of that version, and the request of its own.
func (c *admissionCall) asked() *admission.VersionedAttributes {
	kind, resource := c.req.adm.RequestKind, c.req.adm.RequestResource
	if kind == nil || resource == nil || *kind == c.req.adm.Kind {
		return c.attr
	}
	as := *c.attr
	as.Attributes = c.req.attributesOf(*kind, *resource, c.attr.VersionedObject, c.attr.VersionedOldObject)
	return &as
}

// oneNamespace lists the namespace of one request. It never says that there is none:
// what every namespace has stands in for one that the capture does not hold.
type oneNamespace struct{ namespace *corev1.Namespace }

// List is not asked for by the matcher.
func (o oneNamespace) List(labels.Selector) ([]*corev1.Namespace, error) {
	return []*corev1.Namespace{o.namespace}, nil
}

// Get returns the namespace.
func (o oneNamespace) Get(name string) (*corev1.Namespace, error) {
	if o.namespace != nil {
		return o.namespace, nil
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{metav1LabelName: name}}}, nil
}

// matches tells whether the policy applies to the request.
func (c *admissionCall) matches(s selection) (bool, error) {
	c.req.assumed = false
	matched, err := c.selects(s)
	c.assumed = c.req.assumed
	return matched, err
}

// binds tells whether a binding applies to the request, which the policy matches.
func (c *admissionCall) binds(b *binding) (bool, error) {
	c.req.assumed = c.assumed
	if b.match == nil {
		return true, nil
	}
	return c.selects(*b.match)
}

func (c *admissionCall) selects(s selection) (bool, error) {
	match := s.written
	if !c.req.namespaceKnown {
		match = s.loose
	}
	equivalents := c.req.interfaces()
	matched, resource, _, err := c.matcher.Matches(c.attr, equivalents, &kyvernomatching.MatchCriteria{Constraints: match})
	if err == nil && (!matched && c.req.oldUnsure() || matched && c.req.selectedAsSent(match.ObjectSelector)) {
		matched, resource, _, err = c.matcher.Matches(c.attr, equivalents, &kyvernomatching.MatchCriteria{Constraints: ofAnyObject(match)})
		c.req.assumed = c.req.assumed || matched
	}
	if err != nil || !matched {
		return false, err
	}
	c.resource = resource
	return true, nil
}

// offlineAuthorizer stands where the API server's authorizer would be. Rights are not in
// a capture.
type offlineAuthorizer struct{ req *request }

// Authorize knows nothing.
func (o offlineAuthorizer) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	err := client{req: o.req}.unknown(fmt.Sprintf("whether %s may %s %s", a.GetUser().GetName(), a.GetVerb(), a.GetResource()), "rights are not evaluated offline; rehearse this policy on a fleet")
	return authorizer.DecisionNoOpinion, "", err
}
