package kyverno

import (
	"fmt"
	"slices"

	"github.com/kyverno/kyverno/pkg/config"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// named is a webhook in Kyverno's configurations, and whose it is: a policy's own, or that of
// all policies of a kind, which has no name then.
type named struct {
	webhook string
	of      verdict.PolicyRef
}

// rejectTwins rejects the policies whose webhook has the name of another: the API server takes
// no two of one name. Kyverno joins a policy's namespace and name, so that shop/dev-limits and
// shop-dev/limits come to the same, and names the webhooks of ImageValidatingPolicies alike for
// the cluster's and those of namespaces. Policies of the cluster come first, then the others, in
// file order.
func (p *Program) rejectTwins(set *policy.Set) {
	hooks := p.named()
	taken, twins := map[string]verdict.PolicyRef{}, map[verdict.PolicyRef]bool{}
	for _, namespaced := range []bool{false, true} {
		for _, o := range set.Objects {
			ref := verdict.PolicyRef{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
			for _, hook := range hooks[ref] {
				if (ref.Namespace != "") != namespaced || twins[ref] {
					continue
				}
				if other, ok := taken[hook.webhook]; ok && other != hook.of {
					twins[ref] = true
					p.reject(o, fmt.Errorf(WebhookRejected+"webhooks.name: Duplicate value: %q, which %s has; no policy added from then on takes effect", hook.webhook, owner(other)))
					continue
				}
				taken[hook.webhook] = hook.of
			}
		}
	}
	p.units = slices.DeleteFunc(p.units, func(u phased) bool { return twins[u.unit.ref()] })
}

func owner(of verdict.PolicyRef) string {
	if of.Name == "" {
		return "an " + of.Kind // webhooks that policies share have names by their kind, but for this one
	}
	return of.String()
}

// named are the webhooks of each policy that is asked on admission.
func (p *Program) named() map[verdict.PolicyRef][]named {
	cel := newCELWebhooks(p.units, config.WebhookConfig{})
	hooks := map[verdict.PolicyRef][]named{}
	for _, u := range p.units {
		if u.phase > phaseBackground {
			continue
		}
		ref := u.unit.ref()
		switch one := u.unit.(type) {
		case interface{ shared() *classic }:
			hooks[ref] = one.shared().named()
		case routed:
			hooks[ref] = cel.named(one.routedBy())
		}
	}
	return hooks
}

// named are the webhooks of its own that a classic policy has, as Kyverno builds them.
func (c *classic) named() (hooks []named) {
	spec := c.policy.GetSpec()
	if !spec.CustomWebhookMatchConditions() || !spec.AdmissionProcessingEnabled() {
		return nil
	}
	if spec.HasValidate() || spec.HasGenerate() || spec.HasMutateExisting() || spec.HasVerifyImageChecks() || spec.HasVerifyManifests() {
		hooks = append(hooks, named{classicWebhook(config.ValidatingWebhookName, c), c.name})
	}
	if spec.HasMutateStandard() || spec.HasVerifyImages() {
		hooks = append(hooks, named{classicWebhook(config.MutatingWebhookName, c), c.name})
	}
	return hooks
}

// celWebhookNames is how Kyverno begins the names of the webhooks of each kind. Those that pin
// images have others besides, of which no more are alike.
var celWebhookNames = map[string]string{
	"ValidatingPolicy":                config.ValidatingPolicyWebhookName,
	"NamespacedValidatingPolicy":      config.NamespacedValidatingPolicyWebhookName,
	"MutatingPolicy":                  config.MutatingPolicyWebhookName,
	"NamespacedMutatingPolicy":        config.NamespacedMutatingPolicyWebhookName,
	"GeneratingPolicy":                config.GeneratingPolicyWebhookName,
	"NamespacedGeneratingPolicy":      config.NamespacedGeneratingPolicyWebhookName,
	"ImageValidatingPolicy":           config.ImageValidatingPolicyValidateWebhookName,
	"NamespacedImageValidatingPolicy": config.ImageValidatingPolicyValidateWebhookName,
}

// named is the webhook that calls a policy of policies.kyverno.io, its own or its kind's.
func (w celWebhooks) named(route celRoute) []named {
	base, ok := celWebhookNames[route.name.Kind]
	if !ok {
		return nil
	}
	name, _ := w.name(base, route)
	if route.own {
		return []named{{name, route.name}}
	}
	return []named{{name, verdict.PolicyRef{Kind: route.name.Kind}}}
}
