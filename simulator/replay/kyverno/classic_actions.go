package kyverno

import (
	"slices"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/ext/wildcard"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// actions are what the failure of a rule may do in a namespace whose labels are not known.
type actions uint8

const (
	mayAudit actions = 1 << iota
	mayEnforce
)

func actionOf(a kyvernov1.ValidationFailureAction) actions {
	if a.Enforce() {
		return mayEnforce
	}
	return mayAudit
}

// labelsDecide tells whether an override asks for labels that not every namespace has.
func labelsDecide(overrides []kyvernov1.ValidationFailureActionOverride) bool {
	for _, o := range overrides {
		if selectsOtherLabels(o.NamespaceSelector) {
			return true
		}
	}
	return false
}

// overridden are the actions of the overrides that may apply; certain: one applies for sure.
// Kyverno's cache takes an override by its names or its selector, the engine by both.
func overridden(overrides []kyvernov1.ValidationFailureActionOverride, namespace *corev1.Namespace, both bool) (found actions, certain bool) {
	for _, o := range overrides {
		may, must := applies(o, namespace, both)
		if may {
			found |= actionOf(o.Action)
		}
		if must {
			return found, true
		}
	}
	return found, false
}

func applies(o kyvernov1.ValidationFailureActionOverride, namespace *corev1.Namespace, both bool) (may, must bool) {
	anywhere := len(o.Namespaces) == 0
	named := !anywhere && wildcard.CheckPatterns(o.Namespaces, namespace.Name)
	selected, sure := selectsNamespace(o.NamespaceSelector, namespace)
	switch {
	case o.NamespaceSelector == nil:
		return anywhere || named, anywhere || named
	case both:
		inside := anywhere || named
		return inside && selected, inside && selected && sure
	}
	return named || selected, named || selected && sure
}

// selectsNamespace tells whether a selector may select a namespace of which the name alone is
// known, and whether that is sure.
func selectsNamespace(selector *metav1.LabelSelector, namespace *corev1.Namespace) (selected, sure bool) {
	if selectsOtherLabels(selector) {
		return true, false
	}
	read, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && read.Matches(labels.Set(namespace.Labels)), true
}

// cached are the actions by which Kyverno's cache may sort a rule.
func cached(spec *kyvernov1.Spec, rule *kyvernov1.Rule, namespace *corev1.Namespace) actions {
	overrides := rule.Validation.FailureActionOverrides
	if len(overrides) == 0 {
		overrides = spec.ValidationFailureActionOverrides
	}
	found, certain := overridden(overrides, namespace, false)
	switch {
	case certain:
		return found
	case rule.Validation.FailureAction != nil:
		return found | actionOf(*rule.Validation.FailureAction)
	}
	return found | actionOf(spec.ValidationFailureAction)
}

// resolved are the actions that the engine may find for a rule when it decides.
func resolved(spec *kyvernov1.Spec, rule *kyvernov1.Rule, namespace *corev1.Namespace) actions {
	found, certain := overridden(rule.Validation.FailureActionOverrides, namespace, true)
	switch {
	case certain:
		return found
	case rule.Validation.FailureAction != nil:
		return found | actionOf(*rule.Validation.FailureAction)
	}
	return found | ofPolicy(spec, namespace)
}

// ofPolicy are the actions that the policy's own overrides leave.
func ofPolicy(spec *kyvernov1.Spec, namespace *corev1.Namespace) actions {
	found, certain := overridden(spec.ValidationFailureActionOverrides, namespace, true)
	if certain {
		return found
	}
	return found | actionOf(spec.ValidationFailureAction)
}

// ofWhole are the actions that the engine may find for a policy as a whole, as it does for the
// rules that verify images: the first that a rule has of its own, or else the policy's.
func ofWhole(spec *kyvernov1.Spec, namespace *corev1.Namespace) (found actions) {
	for i := range spec.Rules {
		own, certain := ofRule(&spec.Rules[i], namespace)
		if found |= own; certain {
			return found
		}
	}
	return found | ofPolicy(spec, namespace)
}

func ofRule(rule *kyvernov1.Rule, namespace *corev1.Namespace) (found actions, certain bool) {
	if v := rule.Validation; rule.HasValidate() {
		found, certain = overridden(v.FailureActionOverrides, namespace, true)
		if !certain && v.FailureAction != nil {
			return found | actionOf(*v.FailureAction), true
		}
		return found, certain
	}
	for i := range rule.VerifyImages {
		if action := rule.VerifyImages[i].FailureAction; action != nil && (found == 0 || action.Enforce()) {
			found, certain = actionOf(*action), true
		}
	}
	return found, certain
}

// wholeOpen is [needs.open] for the rules that verify images.
func (n *needs) wholeOpen(spec *kyvernov1.Spec, req *request) bool {
	return n.overrides && !req.namespaceKnown && req.namespace != nil && ofWhole(spec, req.namespace) == mayAudit|mayEnforce
}

// open tells that the labels of the namespace, which are not known, decide whether the
// failure of a rule refuses the request.
func (n *needs) open(spec *kyvernov1.Spec, name string, req *request) bool {
	if req.namespaceKnown || req.namespace == nil || !n.overrides {
		return false
	}
	r := n.rules[name]
	if r.rule == nil {
		return false
	}
	const either = mayAudit | mayEnforce
	sorted := mayEnforce // match conditions: a webhook of its own, which does not sort
	if len(spec.GetMatchConditions()) == 0 {
		sorted = cached(spec, r.rule, req.namespace)
	}
	decided := resolved(spec, r.rule, req.namespace)
	return sorted&decided&mayEnforce != 0 && sorted|decided == either
}

// byLabels is a verdict whose action the labels of the namespace decide. What passes, passes
// either way. Violations that the old object had are let stand only where a failure refuses.
func byLabels(v verdict.Verdict, keepsOld bool, req *request) verdict.Verdict {
	unknown := []miss{{reason: "the labels of the namespace are not in the capture", resolve: resolveLabels}}
	switch v.Outcome {
	case verdict.Undecided:
		v.Action = verdict.Enforce
	case verdict.Fail, verdict.Error, verdict.Warn:
		v.Action = verdict.Enforce
		return undecided(v, unknown)
	case verdict.Skip:
		if keepsOld && req.rec.Operation == capture.Update && len(v.Exceptions) == 0 {
			v.Action = verdict.Audit // it refuses nothing
			return undecided(v, unknown)
		}
	}
	return v
}

func (u classicValidate) onlyAudits(req *request) bool {
	spec, namespace := u.policy.GetSpec(), req.namespace
	if namespace == nil {
		namespace = &corev1.Namespace{}
	}
	return !slices.ContainsFunc(spec.Rules, func(r kyvernov1.Rule) bool {
		return r.HasValidate() && cached(spec, &r, namespace)|resolved(spec, &r, namespace) != mayAudit
	})
}
