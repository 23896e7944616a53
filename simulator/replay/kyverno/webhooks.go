package kyverno

import (
	"slices"
	"strings"

	"github.com/kyverno/kyverno/pkg/config"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// webhook is who calls units: the API server itself, for each of its own policies, or one of
// Kyverno's webhooks.
type webhook struct {
	name  string // empty: the API server
	again bool   // it is called again when what comes after it changes the object
	units []phased
	// asks are those that have it called; nil: all. It calls the others of its group, too.
	asks  []phased
	group string
}

// side is the program of one policy set in a cluster.
type side struct {
	units  []phased
	hooks  []webhook       // that mutate, in the order in which the API server calls them
	rest   []phased        // what comes after
	voices map[unit]string // the webhook through which a unit refuses; empty is the API server
}

// newSide cuts the mutating units of a program, which come first, into the webhooks that
// call them. of are the selectors of Kyverno's ConfigMap.
func newSide(units []phased, of config.WebhookConfig) side {
	at := slices.IndexFunc(units, func(u phased) bool { return u.phase > phaseVerify })
	if at < 0 {
		at = len(units)
	}
	s := side{units: units, rest: units[at:], voices: map[unit]string{}}
	cel := newCELWebhooks(units, of)
	for _, u := range units[:at] {
		s.call(u, calledBy(u.unit, cel))
	}
	s.share(units[:at])
	slices.SortStableFunc(s.hooks, func(a, b webhook) int { return strings.Compare(a.name, b.name) })
	for _, hook := range s.hooks {
		for _, u := range hook.units {
			s.voices[u.unit] = hook.name
		}
	}
	for _, u := range s.rest {
		s.voices[u.unit] = voiceOf(u.unit, cel)
	}
	return s
}

// call adds a unit to its webhook.
func (s *side) call(u phased, by webhook) {
	same := func(w webhook) bool { return by.name != "" && w.name == by.name && w.group == by.group }
	if i := slices.IndexFunc(s.hooks, same); i >= 0 {
		s.hooks[i].units = append(s.hooks[i].units, u)
		return
	}
	by.units = []phased{u}
	s.hooks = append(s.hooks, by)
}

// share gives the webhooks of a group all its units: Kyverno's webhooks for CEL policies of
// one selector differ in the failure policy, and each calls the policies of both.
func (s *side) share(units []phased) {
	own := slices.Clone(s.hooks)
	for i := range s.hooks {
		hook := &s.hooks[i]
		if hook.group == "" {
			continue
		}
		hook.asks, hook.units = hook.units, nil
		for _, u := range units {
			if slices.ContainsFunc(own, func(w webhook) bool { return w.group == hook.group && slices.Contains(w.units, u) }) {
				hook.units = append(hook.units, u)
			}
		}
	}
}

// calledBy is the webhook of a unit, by the names that Kyverno gives them. It sets those of
// ClusterPolicies to be called again if needed, and those of CEL policies not.
func calledBy(u unit, cel celWebhooks) webhook {
	base := ""
	switch u := u.(type) {
	case classicMutate:
		return webhook{name: classicWebhook(config.MutatingWebhookName, u.classic), again: true}
	case classicVerify:
		return webhook{name: classicWebhook(config.MutatingWebhookName, u.classic), again: true}
	case *mutatingAdmission:
		return webhook{again: u.again}
	case *imagePinning:
		base = config.ImageValidatingPolicyMutateWebhookName
	case *mutating:
		base = config.MutatingPolicyWebhookName
		if u.namespaced {
			base = config.NamespacedMutatingPolicyWebhookName
		}
	}
	r, ok := u.(routed)
	if !ok {
		return webhook{name: u.ref().Kind}
	}
	name, group := cel.name(base, r.routedBy())
	return webhook{name: name, group: group + r.routedBy().name.Kind}
}

// voiceOf is the webhook through which a unit that validates refuses; empty is the API server.
func voiceOf(u unit, cel celWebhooks) string {
	base := ""
	switch u := u.(type) {
	case classicValidate:
		return classicWebhook(config.ValidatingWebhookName, u.classic)
	case classicManifests:
		return classicWebhook(config.ValidatingWebhookName, u.classic)
	case *imageValidating:
		base = config.ImageValidatingPolicyValidateWebhookName
	case *eitherWay:
		return voiceOf(u.validating, cel)
	case *validating:
		base = config.ValidatingPolicyWebhookName
		if u.namespaced {
			base = config.NamespacedValidatingPolicyWebhookName
		}
	default:
		return ""
	}
	_, group := cel.name(base, u.(routed).routedBy())
	return group
}

func classicWebhook(base string, c *classic) string {
	name := base + "-fail"
	if !c.failClosed() {
		name = base + "-ignore"
	}
	if c.policy.GetSpec().CustomWebhookMatchConditions() {
		name += "-finegrained-" + strings.TrimPrefix(c.name.Namespace+"-"+c.name.Name, "-")
	}
	return name
}

// shuffled tells whether the order of a webhook's policies is drawn for each request.
func (w webhook) shuffled() bool { return w.name != "" && len(w.units) > 1 }

// backwards are the units of a webhook in the other order.
func (w webhook) backwards() []phased { return ordered(w.units, 1) }

// policies are the policies of units, sorted, each once.
func policies(units []phased) []verdict.PolicyRef {
	var refs []verdict.PolicyRef
	for _, u := range units {
		refs = append(refs, u.unit.ref())
	}
	slices.SortFunc(refs, verdict.PolicyRef.Compare)
	return slices.Compact(refs)
}
