package kyverno

import (
	"context"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// classicValidate judges the validate rules, and the rules that require verified images.
type classicValidate struct{ *classic }

func (u classicValidate) eval(ctx context.Context, req *request) answer {
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.Validate, verdict.Enforce, err)
	}
	whole, splitter := u.readings(req)
	cut := splitter.forNamespace(req.namespace)
	if len(whole.GetSpec().GetMatchConditions()) > 0 {
		// A policy with match conditions has a webhook of its own, which does not split.
		cut = split{enforce: withRules(whole, func(r *kyvernov1.Rule) bool { return r.HasValidate() && !r.HasVerifyManifests() })}
		cut.enforce.SetResourceVersion("") // a short-lived copy: keep it out of the autogen memo
	}
	eng := u.engineFor(req)
	ask := func(part kyvernov1.PolicyInterface) engineapi.EngineResponse {
		return eng.Validate(ctx, pc.WithPolicy(part))
	}
	var out answer
	if cut.enforce != nil {
		u.judge(&out, req, cut.enforce, ask, true)
	}
	if cut.audit != nil {
		run := func() { u.judge(&out, req, cut.audit, ask, false) }
		if u.warns() {
			run() // the user hears of it
		} else {
			u.quietly(&out, req, run)
		}
	}
	return out
}

func (c *classic) warns() bool {
	emit := c.policy.GetSpec().EmitWarning
	return emit != nil && *emit
}

// judge has a part of the policy judged and draws Kyverno's block decision from the response.
func (u classicValidate) judge(out *answer, req *request, part kyvernov1.PolicyInterface, ask asking, enforce bool) {
	er := ask(part)
	action := verdict.Audit
	if enforce {
		action = verdict.Enforce
	}
	// The cache may put a rule on the enforcing side whose failure the block decision then
	// takes for an audit (overrides are resolved twice in Kyverno, differently).
	if enforce && er.IsFailed() && !er.HasEnforcedFailure() {
		action = verdict.Audit
	}
	warns := enforce || u.warns()
	for _, v := range u.said(req, part, ask, er, action) {
		out.verdicts = append(out.verdicts, v)
		if v.Outcome != verdict.Fail && v.Outcome != verdict.Error {
			continue
		}
		if enforce {
			out.fail(v.Rule, v.Message)
		}
		if enforce && (v.Outcome == verdict.Fail && action == verdict.Enforce || v.Outcome == verdict.Error && u.failClosed()) {
			out.blame(v.Message)
		}
		if warns {
			out.warnings = append(out.warnings, warningOf(v, v.Message))
		}
	}
}

// said is what the rules of a part say, with what is not known.
func (u classicValidate) said(req *request, part kyvernov1.PolicyInterface, ask asking, er engineapi.EngineResponse, action verdict.Action) []verdict.Verdict {
	found := req.misses.take()
	made := u.verdicts(er, verdict.Validate, action)
	var settled []verdict.Verdict
	for _, v := range made {
		v = u.settle(v, req, found, part, ask)
		if u.needs.open(u.policy.GetSpec(), v.Rule, req) {
			v = byLabels(v, u.needs.rules[v.Rule].keepsOld, req)
		}
		settled = append(settled, v)
	}
	as := verdict.Verdict{Type: verdict.Validate, Action: action}
	settled = u.silent(settled, as, req, found)
	settled = u.silentLoops(settled, as, req, part, ask)
	if len(settled) > len(made) {
		settled = inOrderOf(part, settled)
	}
	settled, open := u.reached(settled, made, req)
	if open == nil {
		return settled
	}
	if rest := after(part, open.Rule); rest != nil {
		for _, v := range u.verdicts(ask(rest), verdict.Validate, action) {
			if !speaks(settled, v.Rule) {
				settled = append(settled, beyond(v, *open))
			}
		}
		req.misses.take()
	}
	return settled
}

func (a *answer) fail(rule, message string) {
	if a.failures == nil {
		a.failures = map[string]string{}
	}
	a.failures[rule] = message
}
