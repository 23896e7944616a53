package kyverno

import (
	"errors"
	"fmt"
	"slices"
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

// binding puts a policy into effect.
type binding struct {
	policy   verdict.PolicyRef // of which policy
	name     string
	digest   string
	match    *selection // nil: as the policy
	paramRef *admissionregistrationv1.ParamRef
	actions  []admissionregistrationv1.ValidationAction
	hidden   bool // from reports
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

func (s *celSet) addBinding(object policy.Object, lenient bool) error {
	if !lenient {
		if err := takenByAPIServer(object); err != nil {
			return err
		}
	}
	shows := reportingOf(object.JSON)
	b := binding{name: object.Name, digest: object.Digest, hidden: shows.hidden()}
	var faults []error
	var match *admissionregistrationv1.MatchResources
	switch object.Kind {
	case "ValidatingAdmissionPolicyBinding":
		var typed admissionregistrationv1.ValidatingAdmissionPolicyBinding
		if err := decodeStrict(object, &typed); err != nil {
			return err
		}
		if len(typed.Spec.ValidationActions) == 0 && lenient {
			typed.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
		}
		b.policy = verdict.PolicyRef{Kind: "ValidatingAdmissionPolicy", Name: typed.Spec.PolicyName}
		b.paramRef, b.actions, match = typed.Spec.ParamRef, typed.Spec.ValidationActions, typed.Spec.MatchResources
	default:
		var typed admissionregistrationv1.MutatingAdmissionPolicyBinding
		if err := decodeStrict(object, &typed); err != nil {
			return err
		}
		b.policy = verdict.PolicyRef{Kind: "MutatingAdmissionPolicy", Name: typed.Spec.PolicyName}
		b.paramRef, match = typed.Spec.ParamRef, typed.Spec.MatchResources
	}
	if b.policy.Name == "" {
		faults = append(faults, errors.New("spec.policyName: Required value"))
	}
	if b.paramRef != nil && b.paramRef.ParameterNotFoundAction == nil && (lenient || strings.HasSuffix(object.APIVersion, "/v1alpha1")) {
		deny := admissionregistrationv1.DenyAction // the default of v1alpha1; later versions have none
		b.paramRef.ParameterNotFoundAction = &deny
	}
	faults = append(faults, checkParamRef(b.paramRef))
	if err := errors.Join(faults...); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if match != nil {
		selected := newSelection(match)
		b.match = &selected
	}
	s.bindings = append(s.bindings, b)
	return nil
}

func checkParamRef(ref *admissionregistrationv1.ParamRef) error {
	switch {
	case ref == nil:
		return nil
	case ref.Name == "" && ref.Selector == nil:
		return errors.New("spec.paramRef: Required value: one of name or selector must be specified")
	case ref.Name != "" && ref.Selector != nil:
		return errors.New("spec.paramRef.name: Forbidden: name and selector are mutually exclusive")
	case ref.ParameterNotFoundAction == nil:
		return errors.New("spec.paramRef.parameterNotFoundAction: Required value")
	}
	return nil
}

// compileAdmissionPolicy compiles a policy with the bindings that name it, or remembers
// that it did. A policy without a binding has no effect, and no unit but that of the scan.
func (c *Compiler) compileAdmissionPolicy(object policy.Object, shared celSet) *compiled {
	base := &admissionPolicy{name: verdict.PolicyRef{Kind: object.Kind, Name: object.Name}}
	base.told = base.name
	key := object.Kind + " " + object.Digest
	for _, b := range shared.bindings {
		if b.policy == base.name {
			base.bindings = append(base.bindings, b)
			key += " " + b.digest
		}
	}
	if len(base.bindings) == 0 && c.opt.EveryPolicy {
		base.bindings = []binding{{policy: base.name, actions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}}}
	}
	for _, other := range shared.others {
		if strings.Contains(string(object.JSON), `"`+other.Kind+`"`) { // it may be a parameter
			base.others = append(base.others, other)
			key += " " + other.Digest
		}
	}
	made, ok := c.cel.made[key]
	if !ok {
		made = &compiled{}
		made.units, made.err = c.newAdmissionUnits(base, object)
		scan := newAdmissionScan(object, made.units)
		if len(base.bindings) == 0 {
			made.units = nil
		}
		made.units = append(made.units, scan...)
		c.cel.made[key] = made
	}
	return made
}

// init fills what both kinds take from their spec.
func (p *admissionPolicy) init(object policy.Object, lenient bool, match *admissionregistrationv1.MatchResources, failure *admissionregistrationv1.FailurePolicyType, param *admissionregistrationv1.ParamKind) error {
	if match == nil || len(match.ResourceRules) == 0 {
		return errors.New("spec.matchConstraints.resourceRules: Required value")
	}
	if err := checkRules(match.ResourceRules, lenient); err != nil {
		return err
	}
	if param != nil && (param.APIVersion == "" || param.Kind == "") {
		return errors.New("spec.paramKind: Required value: apiVersion and kind must be specified")
	}
	read, err := rewriter{}.policy(object.JSON)
	if err != nil {
		return err
	}
	p.match, p.paramKind = newSelection(match), param
	p.failClosed = failure == nil || *failure == admissionregistrationv1.Fail
	p.needs = read.needs()
	p.needs.addMatch(match)
	for _, b := range p.bindings {
		if b.match != nil {
			p.needs.addMatch(b.match.written)
		}
	}
	if p.paramKind == nil {
		p.others = nil
	}
	p.others = slices.DeleteFunc(p.others, func(o policy.Object) bool { return o.Kind != param.Kind || o.APIVersion != param.APIVersion })
	return nil
}

// checkRules says what the API server does of rules that name too little. Lenient takes
// rules without operations for rules about all of them.
func checkRules(rules []admissionregistrationv1.NamedRuleWithOperations, lenient bool) error {
	for i := range rules {
		rule := &rules[i]
		if len(rule.Operations) == 0 && lenient {
			rule.Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}
		}
		missing := ""
		switch {
		case len(rule.Operations) == 0:
			missing = "operations"
		case len(rule.APIGroups) == 0:
			missing = "apiGroups"
		case len(rule.APIVersions) == 0:
			missing = "apiVersions"
		case len(rule.Resources) == 0:
			missing = "resources"
		default:
			continue
		}
		return fmt.Errorf("spec.matchConstraints.resourceRules[%d].%s: Required value", i, missing)
	}
	return nil
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

// action is what a binding does about a failure.
func (b *binding) action() verdict.Action {
	switch {
	case slices.Contains(b.actions, admissionregistrationv1.Deny):
		return verdict.Enforce
	case slices.Contains(b.actions, admissionregistrationv1.Warn):
		return verdict.ActionWarn
	}
	return verdict.Audit
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
