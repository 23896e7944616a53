package kyverno

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	celautogen "github.com/kyverno/kyverno/pkg/cel/autogen"
	"github.com/kyverno/kyverno/pkg/cel/compiler"
	ivpolautogen "github.com/kyverno/kyverno/pkg/cel/policies/ivpol/autogen"
	mpolautogen "github.com/kyverno/kyverno/pkg/cel/policies/mpol/autogen"
	vpolautogen "github.com/kyverno/kyverno/pkg/cel/policies/vpol/autogen"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// celConditions gives a policy the match conditions of its webhook. Generating policies have a
// webhook that never refuses.
func (p *celPolicy) celConditions(written []admissionregistrationv1.MatchCondition) (err error) {
	if strings.HasSuffix(p.name.Kind, "GeneratingPolicy") {
		return nil
	}
	if p.webhook, err = newWebhookConditions(written, p.route.fails, p.name.Name); p.webhook != nil {
		p.webhook.cel = true
		for _, c := range written {
			p.webhook.drawn |= drawsOf(c.Expression)
		}
	}
	return err
}

// writtenConditions are the match conditions that Kyverno writes into a policy's webhook: those
// of the policy for what it selects, and those of its rewritings for what runs pods. They speak
// of the objects that they are for alone.
func (p *celPolicy) writtenConditions(content []byte) ([]admissionregistrationv1.MatchCondition, error) {
	if !p.route.conditions {
		return nil, nil
	}
	var policy struct {
		Spec struct {
			MatchConditions  []admissionregistrationv1.MatchCondition
			MatchConstraints admissionregistrationv1.MatchResources
		}
	}
	if err := json.Unmarshal(content, &policy); err != nil {
		return nil, err
	}
	all := forWebhook(policy.Spec.MatchConditions)
	if celautogen.CanAutoGen(&policy.Spec.MatchConstraints) {
		pods := []policiesv1beta1.Target{{Version: "v1", Resource: "pods", Kind: "Pod"}}
		all = celautogen.CreateMatchConditions("", pods, all)
	}
	rewritten, err := p.rewritten(content)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(rewritten)) {
		r := rewritten[name]
		all = append(all, celautogen.CreateMatchConditions(name, r.targets, forWebhook(r.conditions))...)
	}
	return all, nil
}

// rewriting is what Kyverno made of a policy for what runs pods.
type rewriting struct {
	targets    []policiesv1beta1.Target
	conditions []admissionregistrationv1.MatchCondition
}

func (p *celPolicy) rewritten(content []byte) (map[string]rewriting, error) {
	switch p.name.Kind {
	case "ValidatingPolicy", "NamespacedValidatingPolicy":
		typed, err := decodeCEL[policiesv1beta1.ValidatingPolicyLike](p, content, &policiesv1beta1.ValidatingPolicy{}, &policiesv1beta1.NamespacedValidatingPolicy{})
		if err != nil {
			return nil, err
		}
		all, err := vpolautogen.Autogen(typed)
		return rewritings(all, func(p policiesv1beta1.ValidatingPolicyAutogen) rewriting {
			return rewriting{p.Targets, p.Spec.MatchConditions}
		}), err
	case "MutatingPolicy", "NamespacedMutatingPolicy":
		typed, err := decodeCEL[policiesv1beta1.MutatingPolicyLike](p, content, &policiesv1beta1.MutatingPolicy{}, &policiesv1beta1.NamespacedMutatingPolicy{})
		if err != nil {
			return nil, err
		}
		all, err := mpolautogen.Autogen(typed)
		return rewritings(all, func(p policiesv1beta1.MutatingPolicyAutogen) rewriting {
			return rewriting{p.Targets, p.Spec.MatchConditions}
		}), err
	case "ImageValidatingPolicy": // of a namespace's policies the webhook has the written ones alone
		typed := &policiesv1beta1.ImageValidatingPolicy{}
		if err := json.Unmarshal(content, typed); err != nil {
			return nil, err
		}
		all, err := ivpolautogen.Autogen(typed)
		return rewritings(all, func(p policiesv1beta1.ImageValidatingPolicyAutogen) rewriting {
			return rewriting{p.Targets, p.Spec.MatchConditions}
		}), err
	}
	return nil, nil
}

// rewritings are what Kyverno made of a policy of one kind, by name.
func rewritings[T any](all map[string]T, read func(T) rewriting) map[string]rewriting {
	out := map[string]rewriting{}
	for name, one := range all {
		out[name] = read(one)
	}
	return out
}

// forWebhook are the conditions that an API server can evaluate, all or none, without those about
// the namespace, which a webhook's conditions are not given.
func forWebhook(conditions []admissionregistrationv1.MatchCondition) (out []admissionregistrationv1.MatchCondition) {
	if !offloadable(conditions) {
		return nil
	}
	for _, c := range conditions {
		if !strings.Contains(c.Expression, "namespaceObject") {
			out = append(out, c)
		}
	}
	return out
}

// offloadable tells whether an API server can evaluate every condition. Kyverno looks at each
// alone: that two have one name it does not see.
func offloadable(conditions []admissionregistrationv1.MatchCondition) bool {
	return !slices.ContainsFunc(conditions, func(c admissionregistrationv1.MatchCondition) bool {
		return len(compiler.CompileMatchConditionsWithKubernetesEnv([]admissionregistrationv1.MatchCondition{c}, nil)) > 0
	})
}

func (p *celPolicy) conditionsIn(*environment) *webhookConditions { return p.webhook }
