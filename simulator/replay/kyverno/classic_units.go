package kyverno

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/pkg/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	webhookutils "github.com/kyverno/kyverno/pkg/webhooks/utils"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// classicRequest is what classic units share while they judge one request.
type classicRequest struct {
	context *engine.PolicyContext // of adm as it was when built; nil after a mutation
	began   []byte                // the object with which the webhook was called, where a policy came before
}

// policyContext returns Kyverno's view of the request, built once and shared by all
// policies until the object changes, as in Kyverno's webhook.
func (r *request) policyContext(policy *classic) (*engine.PolicyContext, error) {
	if r.classic.context == nil && r.nobody {
		built, err := r.scanContext()
		r.classic.context = built
		return built, err
	}
	if r.classic.context == nil || r.env.mocks != nil {
		builder := webhookutils.NewPolicyContextBuilder(r.env.cfg, r.env.jp)
		adm := r.adm
		if r.classic.began != nil {
			adm.Object.Raw = r.classic.began
		}
		built, err := builder.Build(adm, r.roles, r.clusterRoles, r.kind)
		if err == nil && r.classic.began != nil {
			built, err = passedOn(built, r.adm.Object.Raw)
		}
		if err != nil {
			return nil, fmt.Errorf("build the policy context: %w", err)
		}
		if r.namespace != nil {
			built = built.WithNamespaceLabels(r.namespace.Labels)
		}
		if r.env.mocks != nil {
			return r.env.mocks.fill(built, policy.policy.GetName(), r.rec.Name)
		}
		r.classic.context = built
	}
	pc := r.classic.context
	if policy.needs.any.roles && !r.env.rolesKnown {
		// With no user at all the engine takes a match by role as given and an exclusion as not.
		pc = pc.WithAdmissionInfo(kyvernov2.RequestInfo{})
	}
	return pc, nil
}

// readings returns the policy as it must be read for this request.
func (c *classic) readings(req *request) (kyvernov1.PolicyInterface, *splitter) {
	if !req.namespaceKnown && c.needs.any.nsLabels {
		return c.cache.anyNamespace(c.policy)
	}
	return c.policy, c.written
}

func (c *classic) broken(kind verdict.RuleType, action verdict.Action, err error) answer {
	return answer{verdicts: []verdict.Verdict{{Policy: c.name, Type: kind, Action: action, Outcome: verdict.Error, Message: err.Error()}}}
}

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
			out.warnings = append(out.warnings, fmt.Sprintf("policy %s.%s: %s", u.name.Name, v.Rule, v.Message))
		}
	}
}

// said is what the rules of a part say, with what is not known.
func (u classicValidate) said(req *request, part kyvernov1.PolicyInterface, ask asking, er engineapi.EngineResponse, action verdict.Action) []verdict.Verdict {
	found := req.misses.take()
	made := u.verdicts(er, verdict.Validate, action)
	var settled []verdict.Verdict
	for _, v := range made {
		v = u.needs.settle(v, req, found)
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

// classicMutate applies the mutate rules that change the object at hand.
type classicMutate struct{ *classic }

func (u classicMutate) eval(ctx context.Context, req *request) answer {
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.Mutate, "", err)
	}
	policy, _ := u.readings(req)
	er := u.engineFor(req).Mutate(ctx, pc.WithPolicy(policy))
	found := req.misses.take()
	var out answer
	made := u.verdicts(er, verdict.Mutate, "")
	var settled []verdict.Verdict
	for _, v := range made {
		v = u.needs.settle(v, req, found)
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
			out.warnings = append(out.warnings, fmt.Sprintf("policy %s.%s: %s", u.name.Name, v.Rule, v.Message))
		}
	}
	if refuses {
		out.deny = fmt.Sprintf("mutation policy %s error: failed to apply policy %s rules %v", u.name.Name, u.name.Name, failed)
	}
	if er.PatchedResource.Object != nil && !drawn {
		if object, err := json.Marshal(er.PatchedResource.Object); err == nil {
			out.object = object
		}
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
	if !req.env.rolesKnown && r.roles {
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

// manifests stands for rules that verify signed manifests (validate.manifests): offline
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
