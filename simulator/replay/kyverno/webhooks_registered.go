package kyverno

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kyverno/kyverno/pkg/config"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	apiadmission "github.com/seatrial/seatrial/simulator/admission"
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
