package kyverno

import (
	"context"
	"fmt"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// classicMutate applies the mutate rules that change the object at hand.
type classicMutate struct{ *classic }

func (u classicMutate) eval(ctx context.Context, req *request) answer {
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.Mutate, "", err)
	}
	policy, _ := u.readings(req)
	eng := u.engineFor(req)
	ask := func(p kyvernov1.PolicyInterface) engineapi.EngineResponse { return eng.Mutate(ctx, pc.WithPolicy(p)) }
	er := ask(policy)
	found := req.misses.take()
	var out answer
	made := u.verdicts(er, verdict.Mutate, "")
	var settled []verdict.Verdict
	for _, v := range made {
		v = u.settle(v, req, found, policy, ask)
		if unsure := u.unsureOf(v, req); v.Outcome == verdict.Pass && len(unsure) > 0 {
			v = undecided(v, unsure)
			out.maybe = !u.appliesOne() // else another rule may apply in its place
		}
		settled = append(settled, v)
	}
	settled = u.silent(settled, verdict.Verdict{Type: verdict.Mutate}, req, found)
	if len(settled) > len(made) {
		settled = inOrderOf(policy, settled)
	}
	settled, _ = u.reached(settled, made, req)
	drawn := false // what the object becomes
	refuses, failed := false, []string(nil)
	for _, v := range settled {
		out.verdicts = append(out.verdicts, v)
		drawn = drawn || v.Outcome == verdict.Undecided && v.Reason == randomMiss.reason
		if v.Outcome == verdict.Error && u.failClosed() || v.Outcome == verdict.Fail {
			refuses = true
		}
		if v.Outcome == verdict.Error || v.Outcome == verdict.Fail {
			failed = append(failed, v.Rule+": "+v.Message)
		}
		if u.warnsOf(v) {
			out.warnings = append(out.warnings, warningOf(v, v.Message))
		}
	}
	if refuses {
		out.deny = fmt.Sprintf("mutation policy %s error: failed to apply policy %s rules %v", u.name.Name, u.name.Name, failed)
	}
	if er.PatchedResource.Object != nil && !drawn {
		out.object = patched(req.adm.Object.Raw, er)
	}
	return out
}

// warnsOf tells whether the user hears of a mutation: of every one if the policy says so.
func (u classicMutate) warnsOf(v verdict.Verdict) bool {
	switch v.Outcome {
	case verdict.Fail, verdict.Error, verdict.Warn:
		return true
	case verdict.Pass:
		return u.warns()
	}
	return false
}

// unsureOf says what is not known where a rule that does something only matched because a match
// was assumed, and an exception not.
func (c *classic) unsureOf(v verdict.Verdict, req *request) []miss {
	r := c.needs.rules[v.Rule]
	var resolve []string
	if !req.userKnown() && r.user {
		resolve = append(resolve, resolveUser)
	}
	if !req.rolesKnown() && r.roles {
		resolve = append(resolve, resolveRBAC)
	}
	if !req.namespaceKnown && (r.nsLabels || c.needs.exceptionLabels) {
		resolve = append(resolve, resolveLabels)
	}
	if len(resolve) == 0 {
		return nil
	}
	return []miss{{reason: "whether the rule applies depends on what is not in the capture", resolve: strings.Join(resolve, "; ")}}
}
