package kyverno

import (
	"slices"
	"strings"

	"github.com/kyverno/kyverno/pkg/config"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// webhook is who calls mutating units: the API server itself, for each of its own policies,
// or one of Kyverno's webhooks.
type webhook struct {
	name  string // empty: the API server
	again bool   // it is called again when what comes after it changes the object
	units []phased
}

// mutated cuts the mutating units of a program, which come first, into the webhooks that
// call them, in the order in which the API server does, and returns the rest.
func mutated(units []phased) (hooks []webhook, rest []phased) {
	at := slices.IndexFunc(units, func(u phased) bool { return u.phase > phaseVerify })
	if at < 0 {
		at = len(units)
	}
	for _, u := range units[:at] {
		called := calledBy(u.unit)
		same := func(w webhook) bool { return called.name != "" && w.name == called.name }
		if i := slices.IndexFunc(hooks, same); i >= 0 {
			hooks[i].units = append(hooks[i].units, u)
			continue
		}
		called.units = []phased{u}
		hooks = append(hooks, called)
	}
	slices.SortStableFunc(hooks, func(a, b webhook) int { return strings.Compare(a.name, b.name) })
	return hooks, units[at:]
}

// calledBy is the webhook of a unit, by the names that Kyverno gives them. It sets those of
// ClusterPolicies to be called again if needed, and those of CEL policies not.
func calledBy(u unit) webhook {
	switch u := u.(type) {
	case classicMutate:
		return classicWebhook(u.classic)
	case classicVerify:
		return classicWebhook(u.classic)
	case *imagePinning:
		return webhook{name: celWebhook(config.ImageValidatingPolicyMutateWebhookName, u.name, u.typed, u.typed.GetSpec().MatchConstraints)}
	case *mutating:
		base := config.MutatingPolicyWebhookName
		if u.name.Namespace != "" {
			base = config.NamespacedMutatingPolicyWebhookName
		}
		match := u.typed.GetMatchConstraints()
		return webhook{name: celWebhook(base, u.name, u.typed, &match)}
	case *mutatingAdmission:
		return webhook{again: u.again}
	}
	return webhook{name: u.ref().Kind}
}

func classicWebhook(c *classic) webhook {
	name := config.MutatingWebhookName + "-fail"
	if !c.failClosed() {
		name = config.MutatingWebhookName + "-ignore"
	}
	if c.policy.GetSpec().CustomWebhookMatchConditions() {
		name += "-finegrained-" + strings.TrimPrefix(c.name.Namespace+"-"+c.name.Name, "-")
	}
	return webhook{name: name, again: true}
}

// celCalled is what says by which webhook a CEL policy is called.
type celCalled interface {
	GetMatchConditions() []admissionregistrationv1.MatchCondition
	GetFailurePolicy(bool) admissionregistrationv1.FailurePolicyType
}

func celWebhook(base string, name verdict.PolicyRef, policy celCalled, match *admissionregistrationv1.MatchResources) string {
	base += "-" + strings.ToLower(string(policy.GetFailurePolicy(false)))
	exact := match != nil && match.MatchPolicy != nil && *match.MatchPolicy == admissionregistrationv1.Exact
	timed, ok := policy.(interface{ GetTimeoutSeconds() *int32 })
	if len(policy.GetMatchConditions()) > 0 || exact || ok && timed.GetTimeoutSeconds() != nil {
		base += "-finegrained-" + name.Namespace + name.Name
	}
	return base
}

// shuffled tells whether the order of a webhook's policies is drawn for each request.
func (w webhook) shuffled() bool { return w.name != "" && len(w.units) > 1 }

// backwards are the units of a webhook in the other order: those that verify images still
// come after those that mutate.
func (w webhook) backwards() []phased {
	units := slices.Clone(w.units)
	slices.Reverse(units)
	slices.SortStableFunc(units, func(a, b phased) int { return int(a.phase) - int(b.phase) })
	return units
}

// policies are the policies of units, sorted, each once.
func policies(units []phased) []verdict.PolicyRef {
	var refs []verdict.PolicyRef
	for _, u := range units {
		refs = append(refs, u.unit.ref())
	}
	slices.SortFunc(refs, verdict.PolicyRef.Compare)
	return slices.Compact(refs)
}
