package kyverno

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kyverno/kyverno/pkg/config"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	apiadmission "github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// WebhookRejected begins the reason of a policy that Kyverno takes and cannot put into effect:
// all webhooks are in one configuration, which the API server refuses as a whole at every
// update, whatever other policy the update is for.
const WebhookRejected = "the API server rejects the webhook configuration that Kyverno makes of it: "

// registered asks the API server's own validation about the webhook of a policy.
func registered(hook admissionregistrationv1.ValidatingWebhook) error {
	if err := apiadmission.RegistersWebhook(hook); err != nil {
		return fmt.Errorf(WebhookRejected+"%w; no policy added from then on takes effect", err)
	}
	return nil
}

// registers returns why the API server does not take the webhook of a classic policy. Only
// match conditions are written into it as they are; the rest is made of what is served.
func (c *classic) registers() error {
	spec := c.policy.GetSpec()
	if !spec.CustomWebhookMatchConditions() || !spec.AdmissionProcessingEnabled() {
		return nil
	}
	return registered(admissionregistrationv1.ValidatingWebhook{
		Name: classicWebhook(config.ValidatingWebhookName, c), MatchConditions: spec.GetMatchConditions(),
	})
}

// registers returns why the API server does not take the webhook of a policy of
// policies.kyverno.io: its rules, its selectors and the conditions that Kyverno writes.
func (p *celPolicy) registers(content []byte, conditions []admissionregistrationv1.MatchCondition) error {
	var policy struct {
		Spec struct {
			MatchConstraints admissionregistrationv1.MatchResources
			Evaluation       struct{ Admission struct{ Enabled *bool } }
		}
	}
	if err := json.Unmarshal(content, &policy); err != nil {
		return err
	}
	enabled := policy.Spec.Evaluation.Admission.Enabled
	kind := strings.TrimPrefix(p.name.Kind, "Namespaced")
	if kind == "DeletingPolicy" || enabled != nil && !*enabled {
		return nil
	}
	hook := admissionregistrationv1.ValidatingWebhook{
		Name: config.ValidatingPolicyWebhookName + "-fail", TimeoutSeconds: p.route.timeout, MatchConditions: conditions,
		NamespaceSelector: p.route.namespace, ObjectSelector: p.route.object,
	}
	if p.route.own {
		hook.Name, _ = celWebhooks{}.name(config.ValidatingPolicyWebhookName, p.route)
	}
	for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
		written := rule.RuleWithOperations
		if kind == "GeneratingPolicy" { // its webhook is for all of them
			written.Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Create}
		}
		hook.Rules = append(hook.Rules, written)
	}
	if len(hook.Rules) == 0 && !p.route.own {
		return nil // it has no webhook
	}
	return registered(hook)
}

// rejectTwins rejects the policies of namespaces that verify images where their webhook has the
// name of one for the cluster's: Kyverno names the webhooks of each kind apart from the other's.
func (p *Program) rejectTwins(set *policy.Set) {
	hooks := newCELWebhooks(p.units, config.WebhookConfig{})
	names := map[string]bool{}
	name := func(u phased, kind string) (string, bool) {
		r, ok := u.unit.(routed)
		if !ok || u.unit.ref().Kind != kind {
			return "", false
		}
		name, _ := hooks.name(config.ImageValidatingPolicyValidateWebhookName, r.routedBy())
		return name, true
	}
	for _, u := range p.units {
		if one, ok := name(u, "ImageValidatingPolicy"); ok {
			names[one] = true
		}
	}
	twins := map[verdict.PolicyRef]string{}
	for _, u := range p.units {
		if one, ok := name(u, "NamespacedImageValidatingPolicy"); ok && names[one] {
			twins[u.unit.ref()] = fmt.Sprintf("%q, which an ImageValidatingPolicy has", one)
		}
	}
	p.rejectDuplicates(set, twins)
}

// rejectNamesakes rejects policies whose own webhook has the name of another's: Kyverno joins
// namespace and name with a dash, for shop/dev-limits as for shop-dev/limits.
func (p *Program) rejectNamesakes(set *policy.Set) {
	holders, twins := map[string]verdict.PolicyRef{}, map[verdict.PolicyRef]string{}
	for _, u := range p.units {
		name := ownWebhook(u)
		first, taken := holders[name]
		switch {
		case name == "":
		case !taken:
			holders[name] = u.unit.ref()
		case first != u.unit.ref():
			twins[u.unit.ref()] = fmt.Sprintf("%q, which %s has", name, first)
		}
	}
	p.rejectDuplicates(set, twins)
}

// ownWebhook is the webhook that a policy has for itself, empty where it shares one.
func ownWebhook(u phased) string {
	switch one := u.unit.(type) {
	case classicMutate, classicVerify, classicValidate, classicManifests:
		if !one.(interface{ shared() *classic }).shared().policy.GetSpec().CustomWebhookMatchConditions() {
			return ""
		}
	case *mutating, *imagePinning, *validating, *imageValidating:
		if !one.(routed).routedBy().own {
			return ""
		}
	default:
		return ""
	}
	if u.phase <= phaseVerify {
		return calledBy(u.unit, celWebhooks{}).name
	}
	return voiceOf(u.unit, celWebhooks{})
}

// rejectDuplicates rejects policies by the names of their webhooks.
func (p *Program) rejectDuplicates(set *policy.Set, twins map[verdict.PolicyRef]string) {
	p.units = slices.DeleteFunc(p.units, func(u phased) bool { return twins[u.unit.ref()] != "" })
	for _, o := range set.Objects {
		if one := twins[verdict.PolicyRef{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}]; one != "" {
			p.reject(o, fmt.Errorf(WebhookRejected+"webhooks.name: Duplicate value: %s; no policy added from then on takes effect", one))
		}
	}
}
