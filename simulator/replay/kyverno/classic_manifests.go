package kyverno

import (
	"context"
	"encoding/json"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// classicManifests stands for rules that verify signed manifests (validate.manifests): offline
// they can be matched, not judged.
type classicManifests struct {
	*classic
	signed kyvernov1.PolicyInterface // the rules
	probe  kyvernov1.PolicyInterface // the same, each denying whatever it matches
}

func newClassicManifests(c *classic) *classicManifests {
	signed := withRules(c.policy, func(r *kyvernov1.Rule) bool { return r.HasVerifyManifests() })
	if signed == nil {
		return nil
	}
	signed.SetResourceVersion("") // keep it out of the autogen memo
	probe := signed.CreateDeepCopy()
	no := false // what is undecided of the object would be undecided of the old one
	for i := range probe.GetSpec().Rules {
		rule := &probe.GetSpec().Rules[i]
		rule.Validation = &kyvernov1.Validation{Deny: &kyvernov1.Deny{}, AllowExistingViolations: &no}
	}
	return &classicManifests{c, signed, probe}
}

// decidable tells whether a verification asks nobody: a dry run is let through, an object
// without a signature fails. In test suites the keys and signatures are at hand.
func (u classicManifests) decidable(req *request) bool {
	if req.env.mocks != nil || req.rec.DryRun {
		return true
	}
	for _, rule := range u.signed.GetSpec().Rules {
		text, err := json.Marshal(rule.Validation.Manifests)
		if err != nil || strings.Contains(string(text), `"repository":`) || rule.Validation.Manifests.DryRunOption.Enable {
			return false
		}
	}
	return !strings.Contains(string(req.adm.Object.Raw), "/signature\"")
}

// verify has Kyverno verify, and decides as for any other rule.
func (u classicManifests) verify(ctx context.Context, req *request, pc *engine.PolicyContext) answer {
	var out answer
	for _, enforce := range []bool{true, false} {
		part := withRules(u.signed, func(r *kyvernov1.Rule) bool {
			return effectiveAction(u.policy.GetSpec(), r, req.namespace).Enforce() == enforce
		})
		if part == nil {
			continue
		}
		part.SetResourceVersion("") // keep it out of the autogen memo
		ask := func(part kyvernov1.PolicyInterface) (er engineapi.EngineResponse) {
			ownStreams(func() { er = u.engineFor(req).Validate(ctx, pc.WithPolicy(part)) })
			return er
		}
		classicValidate{u.classic}.judge(&out, req, part, ask, enforce)
	}
	return out
}

func (u classicManifests) eval(ctx context.Context, req *request) answer {
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.Validate, verdict.Enforce, err)
	}
	if u.decidable(req) {
		return u.verify(ctx, req, pc)
	}
	er := u.engineFor(req).Validate(ctx, pc.WithPolicy(u.probe))
	req.misses.take()
	var out answer
	for _, v := range u.verdicts(er, verdict.Validate, verdict.Enforce) {
		if v.Outcome == verdict.Fail || v.Outcome == verdict.Error {
			v.Message = ""
			v = undecided(v, []miss{{reason: "manifest signatures cannot be verified offline", resolve: "rehearse this policy on a fleet"}})
		}
		out.verdicts = append(out.verdicts, v)
	}
	return out
}
