package kyverno

import (
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// admissionPolicy is what a ValidatingAdmissionPolicy and a MutatingAdmissionPolicy have in
// common. The API server evaluates them itself, once for each binding and each parameter.
type admissionPolicy struct {
	name       verdict.PolicyRef
	told       verdict.PolicyRef // what users are told; another name where Kyverno made it of a policy of its own
	failClosed bool
	paramKind  *admissionregistrationv1.ParamKind
	match      selection
	bindings   []binding
	others     []policy.Object // parameters that the policy set itself holds
	needs      celNeeds
	conditions knownConditions
}

// selection is what a policy or a binding matches, with the defaults of the API server.
type selection struct {
	written *admissionregistrationv1.MatchResources
	loose   *admissionregistrationv1.MatchResources // for namespaces whose labels are not known
}

func newSelection(m *admissionregistrationv1.MatchResources) selection {
	m = m.DeepCopy()
	if m.NamespaceSelector == nil {
		m.NamespaceSelector = &metav1.LabelSelector{}
	}
	if m.ObjectSelector == nil {
		m.ObjectSelector = &metav1.LabelSelector{}
	}
	if m.MatchPolicy == nil {
		equivalent := admissionregistrationv1.Equivalent
		m.MatchPolicy = &equivalent
	}
	loose := m.DeepCopy()
	if selectsOtherLabels(m.NamespaceSelector) {
		loose.NamespaceSelector = &metav1.LabelSelector{}
	}
	return selection{m, loose}
}

func isAdmissionPolicy(object policy.Object) bool {
	return strings.HasPrefix(object.APIVersion, "admissionregistration.k8s.io/") && strings.HasSuffix(object.Kind, "AdmissionPolicy")
}

func (p *admissionPolicy) ref() verdict.PolicyRef { return p.name }

func (p *admissionPolicy) isAPIServers() {}

// sees is the cheap test before the engine.
func (p *admissionPolicy) sees(req *request) bool {
	route := req.routing()
	if rules.IsExemptAdmissionConfigurationResource(route) || isReview(route) {
		return false
	}
	return routes(p.match.written, route)
}

func (p *admissionPolicy) constraints() []*admissionregistrationv1.MatchResources {
	return []*admissionregistrationv1.MatchResources{p.match.written}
}

// isReview tells whether the request asks the API server about rights or tokens: its
// policies are not asked about those.
func isReview(route admission.Attributes) bool {
	group := route.GetResource().Group
	return (group == "authentication.k8s.io" || group == "authorization.k8s.io") && strings.HasSuffix(route.GetResource().Resource, "reviews")
}

// forbidden is the API server's refusal.
func forbidden(attr admission.Attributes, format string, args ...any) string {
	return admission.NewForbidden(attr, fmt.Errorf(format, args...)).Error()
}

// faulty is the answer when the policy or a binding cannot be applied: the failure policy
// decides, whatever the binding's actions are.
func (p *admissionPolicy) faulty(call *admissionCall, b *binding, kind verdict.RuleType, err error) answer {
	words, loose := inOlderWords(err.Error())
	v := verdict.Verdict{Policy: p.name, Type: kind, Outcome: verdict.Error, Message: words}
	by := ""
	if b != nil {
		v.Rule = b.name
		by = fmt.Sprintf(" with binding '%s'", b.name)
	}
	if p.failClosed && kind == verdict.Validate {
		v.Action = verdict.Enforce
	}
	if call != nil {
		if b != nil && kind == verdict.Validate && len(call.req.misses.all) > 0 {
			v.Action = b.action() // no fault of the configuration: something is not known
		}
		v = p.needs.settle(v, call.req, append(call.req.misses.take(), loose...))
	}
	out := answer{verdicts: []verdict.Verdict{v}}
	switch {
	case !p.failClosed || v.Outcome != verdict.Error || call == nil:
	case kind == verdict.Mutate:
		out.deny = fmt.Sprintf("policy '%s'%s denied request: %s", p.told.Name, by, words)
	default:
		out.deny = forbidden(call.attr, "%s '%s'%s denied request: %s", p.told.Kind, p.told.Name, by, words)
	}
	return out
}

// join adds what b said.
func (a *answer) join(b answer) {
	a.verdicts = append(a.verdicts, b.verdicts...)
	a.warnings = append(a.warnings, b.warnings...)
	a.maybe = a.maybe || b.maybe
	switch {
	case a.deny == "": // the API server tells the first, and draws which binding is
		a.deny = b.deny
	case b.deny != "" && b.deny != a.deny:
		a.others = append(a.others, answer{deny: b.deny})
	}
}
