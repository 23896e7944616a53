package kyverno

import (
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// knownConditions are match conditions, each by itself. To the API server one that is false
// settles it, whatever the others say or cannot say: neither their errors count, nor what they
// read and no capture holds.
type knownConditions []knownCondition

type knownCondition struct {
	matcher matchconditions.Matcher
	needs   celNeeds
}

// each compiles conditions that compile together.
func (c *admissionCompiler) each(written []admissionregistrationv1.MatchCondition, name string) (out knownConditions) {
	for i, condition := range written {
		needs := celNeedsOf(condition.Expression)
		needs.parted = partsAlone(condition.Expression)
		if wholeRequest(condition.Expression) {
			needs.addWhole()
		}
		out = append(out, knownCondition{c.matchConditions(written[i:i+1], nil, name), needs})
	}
	return out
}

// unmet tells whether one of them is false by what is known.
func (k knownConditions) unmet(ctx context.Context, call *admissionCall, param runtime.Object) bool {
	for _, c := range k {
		w := c.needs.watching(call.req)
		result := c.matcher.Match(ctx, w.versioned(call.attr), param, offlineAuthorizer{call.req})
		unmet := verdict.Verdict{Type: verdict.Validate, Outcome: verdict.Skip}
		if c.needs.without(w.untouched()).settle(unmet, call.req, call.req.misses.take()).Outcome == verdict.Undecided {
			continue
		}
		if result.Error == nil && !result.Matches {
			return true
		}
	}
	return false
}

// unmet tells whether the conditions keep the policy from the request for each of its
// parameters, whatever else is not known.
func (p *admissionPolicy) unmet(ctx context.Context, call *admissionCall, params []runtime.Object) bool {
	for _, param := range params {
		if !p.conditions.unmet(ctx, call, param) {
			return false
		}
	}
	return len(params) > 0
}
