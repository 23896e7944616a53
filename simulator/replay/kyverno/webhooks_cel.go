package kyverno

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/kyverno/kyverno/pkg/config"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// celRoute is what decides which of Kyverno's webhooks calls a policy of policies.kyverno.io.
type celRoute struct {
	name       verdict.PolicyRef
	fails      bool // its failure refuses
	own        bool // it has a webhook of its own
	conditions bool // with match conditions
	namespace  *metav1.LabelSelector
	object     *metav1.LabelSelector
	timeout    *int32
}

// routeOf reads it from a policy as a cluster stores it. Match conditions that an API server
// cannot evaluate stay with Kyverno and give no webhook of its own.
func routeOf(name verdict.PolicyRef, content []byte) celRoute {
	var policy struct {
		Spec struct {
			FailurePolicy        *admissionregistrationv1.FailurePolicyType
			MatchConditions      []admissionregistrationv1.MatchCondition
			MatchConstraints     admissionregistrationv1.MatchResources
			WebhookConfiguration struct{ TimeoutSeconds *int32 }
		}
	}
	_ = json.Unmarshal(content, &policy) // it is decoded in full elsewhere
	spec := policy.Spec
	exact := spec.MatchConstraints.MatchPolicy != nil && *spec.MatchConstraints.MatchPolicy == admissionregistrationv1.Exact
	conditions := len(spec.MatchConditions) > 0 && offloadable(spec.MatchConditions)
	route := celRoute{
		name:       name,
		fails:      spec.FailurePolicy == nil || *spec.FailurePolicy != admissionregistrationv1.Ignore,
		conditions: conditions,
		own:        conditions || exact || spec.WebhookConfiguration.TimeoutSeconds != nil,
		namespace:  spec.MatchConstraints.NamespaceSelector,
		object:     spec.MatchConstraints.ObjectSelector,
		timeout:    spec.WebhookConfiguration.TimeoutSeconds,
	}
	if strings.HasPrefix(name.Kind, "Namespaced") {
		route.namespace = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: metav1LabelName, Operator: metav1.LabelSelectorOpIn, Values: []string{name.Namespace}},
		}}
	} else {
		route.name.Namespace = ""
	}
	return route
}

// selectors identifies the selectors that the policy's webhook has in a cluster: its own and
// those of Kyverno's ConfigMap. Policies that share them share a webhook.
func (r celRoute) selectors(of config.WebhookConfig) string {
	content, err := json.Marshal([]*metav1.LabelSelector{merged(r.namespace, of.NamespaceSelector), merged(r.object, of.ObjectSelector)})
	if err != nil {
		return "" // selectors were decoded from JSON
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// merged is a selector that asks for what both ask for, in the form that Kyverno gives it.
func merged(a, b *metav1.LabelSelector) *metav1.LabelSelector {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	both := &metav1.LabelSelector{}
	for _, s := range []*metav1.LabelSelector{a, b} {
		for key, value := range s.MatchLabels {
			if both.MatchLabels == nil {
				both.MatchLabels = map[string]string{}
			}
			both.MatchLabels[key] = value
		}
		both.MatchExpressions = append(both.MatchExpressions, s.MatchExpressions...)
	}
	return both
}

// routed is a unit of a policy of policies.kyverno.io.
type routed interface{ routedBy() celRoute }

func (p *celPolicy) routedBy() celRoute { return p.route }

// celWebhooks names the webhooks of one kind of policy: one for each pair of selectors and
// failure policy, and one for each policy that asks for more. Names tell selectors apart
// only where there are several.
type celWebhooks struct {
	of        config.WebhookConfig
	selectors map[string]map[string]bool // by kind
}

func newCELWebhooks(units []phased, of config.WebhookConfig) celWebhooks {
	w := celWebhooks{of: of, selectors: map[string]map[string]bool{}}
	for _, u := range units {
		r, ok := u.unit.(routed)
		if !ok || r.routedBy().own {
			continue
		}
		route := r.routedBy()
		if w.selectors[route.name.Kind] == nil {
			w.selectors[route.name.Kind] = map[string]bool{}
		}
		w.selectors[route.name.Kind][route.selectors(of)] = true
	}
	return w
}

// name is the webhook of a policy; base is how Kyverno begins the names of its kind. group
// is common to those that differ in the failure policy only: each calls the policies of both.
func (w celWebhooks) name(base string, route celRoute) (name, group string) {
	failure := "-ignore"
	if route.fails {
		failure = "-fail"
	}
	if route.own {
		name = base + failure + "-finegrained-" + strings.TrimPrefix(route.name.Namespace+"-"+route.name.Name, "-")
		return name, name
	}
	key, suffix := route.selectors(w.of), ""
	if len(w.selectors[route.name.Kind]) > 1 {
		suffix = "-" + key[:8]
	}
	return base + failure + suffix, base + " " + key
}
