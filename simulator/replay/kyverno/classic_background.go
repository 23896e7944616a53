package kyverno

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/background/generate"
	"github.com/kyverno/kyverno/pkg/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	webhookutils "github.com/kyverno/kyverno/pkg/webhooks/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// classicBackground previews what Kyverno's background controller would do after the
// request was admitted: generate rules and mutations of existing objects.
type classicBackground struct{ *classic }

func (u classicBackground) eval(ctx context.Context, req *request) answer {
	if req.rec.DryRun {
		return answer{}
	}
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.Generate, "", err)
	}
	policy, _ := u.readings(req)
	if req.own() {
		if policy = askedByItself(policy); policy == nil {
			return answer{}
		}
	}
	eng := u.engineFor(req)
	req.creates = creates(req) // the webhook asks
	triggered := u.triggered(ctx, req, eng, pc.WithPolicy(policy))
	req.creates = false
	found := req.misses.take()
	var out answer
	var open *verdict.Verdict // where only one rule applies: it may be the one
	said := u.silent(triggered, verdict.Verdict{Type: verdict.Generate}, req, found)
	defer func(look lookup) { req.look = look }(req.look)
	for _, v := range said {
		before := len(out.generated)
		rule := ruleOf(policy, v.Rule)
		if rule != nil && rule.HasMutateExisting() {
			v.Type = verdict.MutateExisting
		}
		if v.Outcome == verdict.Fail && rule != nil && req.rec.Operation == capture.Delete && webhookutils.MatchDeleteOperation(*rule) {
			v.Outcome = verdict.Pass // it is for deletions
		}
		v = u.settle(v, req, found, policy, u.checking(ctx, req, eng, pc, rule))
		if unsure := u.unsureOf(v, req); v.Outcome == verdict.Pass && len(unsure) > 0 {
			v = undecided(v, unsure)
		}
		if open != nil {
			v = beyond(v, *open)
		} else if u.appliesOne() && v.Outcome == verdict.Undecided {
			open = &v
		}
		if v.Outcome == verdict.Pass && rule != nil {
			v = u.preview(ctx, &out, req, eng, policy, rule, v)
		}
		if v.Outcome == verdict.Fail { // the trigger no longer matches: what was generated goes
			v = u.ended(&out, req, policy, rule, v, said)
		}
		out.verdicts = append(out.verdicts, v)
		if len(said) > 1 { // the next rule finds what this one made
			req.look = withMade(req.look, out.generated[min(before, len(out.generated)):])
		}
	}
	if !req.own() {
		u.perhapsEnded(&out, req, policy)
	}
	return out
}

// withMade is what is looked up, with what a rule made.
func withMade(look lookup, made []verdict.Generated) lookup {
	w, ok := look.(world)
	if !ok {
		return look
	}
	var objects []*capture.WorldObject
	for _, g := range made {
		if !g.Deleted && g.SubResource == "" && len(g.Object) > 0 {
			objects = append(objects, &capture.WorldObject{Cluster: w.Cluster.Name, Object: g.Object})
		}
	}
	if len(objects) == 0 {
		return look
	}
	with, err := w.With(objects...)
	if err != nil {
		return look // it is no object, and nobody finds it
	}
	w.World = with
	return w
}

// triggered says which rules a request sets off. To those that mutate existing objects, the
// object of a deletion is the one that is deleted.
func (u classicBackground) triggered(ctx context.Context, req *request, eng engineapi.Engine, pc *engine.PolicyContext) []verdict.Verdict {
	deletion := req.rec.Operation == capture.Delete
	checks := func(pc *engine.PolicyContext, of func(*kyvernov1.Rule) bool) []verdict.Verdict {
		return slices.DeleteFunc(u.verdicts(eng.ApplyBackgroundChecks(ctx, pc), verdict.Generate, ""), func(v verdict.Verdict) bool {
			rule := ruleOf(pc.Policy(), v.Rule)
			return rule == nil || !of(rule)
		})
	}
	out := checks(pc, (*kyvernov1.Rule).HasGenerate)
	if !u.policy.GetSpec().HasMutateExisting() {
		return out
	}
	if deletion {
		pc = pc.WithNewResource(pc.OldResource())
	}
	return append(out, checks(pc, func(r *kyvernov1.Rule) bool {
		return r.HasMutateExisting() && (!deletion || webhookutils.MatchDeleteOperation(*r))
	})...)
}

// checking asks whether a request sets off a rule. It does not say so where it asks about the object
// before as well, and that is not known.
func (u classicBackground) checking(ctx context.Context, req *request, eng engineapi.Engine, pc *engine.PolicyContext, rule *kyvernov1.Rule) asking {
	return func(part kyvernov1.PolicyInterface) engineapi.EngineResponse {
		if req.oldUnsure() {
			return engineapi.EngineResponse{}
		}
		if req.rec.Operation == capture.Delete && rule.HasMutateExisting() {
			pc = pc.WithNewResource(pc.OldResource())
		}
		req.creates = creates(req)
		defer func() { req.creates = false }()
		return eng.ApplyBackgroundChecks(ctx, pc.WithPolicy(part))
	}
}

// preview adds what the triggered rule would make to out.
func (u classicBackground) preview(ctx context.Context, out *answer, req *request, eng engineapi.Engine, policy kyvernov1.PolicyInterface, rule *kyvernov1.Rule, v verdict.Verdict) verdict.Verdict {
	req.asker = backgroundSuffix
	defer func() { req.asker = admissionSuffix }()
	pc, err := u.ruleContext(req, policy, rule)
	if err != nil {
		return v
	}
	var made []madeObject
	if !rule.HasGenerate() {
		made, err = u.mutateExisting(ctx, eng, pc)
	} else if v = u.again(ctx, eng, pc, v); v.Outcome == verdict.Pass {
		made, err = u.generate(pc, rule, &generateClient{client: client{req: req, clones: true}, rule: rule, applies: policy.GetSpec().UseServerSideApply})
	}
	if found := req.misses.take(); len(found) > 0 {
		return undecided(v, found)
	}
	if err != nil {
		v.Outcome, v.Message = verdict.Error, err.Error()
	}
	for _, one := range made {
		content, err := json.Marshal(one.object.Object)
		if err != nil {
			continue
		}
		out.generated = append(out.generated, verdict.Generated{Policy: u.name, Rule: rule.Name, Target: targetName(one.object), SubResource: one.sub, Object: content})
	}
	return v
}

// madeObject is an object that a rule makes, or the part of one that it changes.
type madeObject struct {
	object unstructured.Unstructured
	sub    string
}

// ruleContext is the context of Kyverno's background controller for one rule of a policy.
func (u classicBackground) ruleContext(req *request, policy kyvernov1.PolicyInterface, rule *kyvernov1.Rule) (*engine.PolicyContext, error) {
	pc, err := req.backgroundContext(u.classic, rule)
	if err != nil {
		return nil, err
	}
	only := withRules(policy, func(r *kyvernov1.Rule) bool { return r.Name == rule.Name })
	if only == nil {
		return nil, fmt.Errorf("policy %s has no rule %s", u.name.Name, rule.Name)
	}
	only.SetResourceVersion("") // keep it out of the autogen memo
	return pc.WithPolicy(only), nil
}

func targetName(object unstructured.Unstructured) string {
	if ns := object.GetNamespace(); ns != "" {
		return object.GetKind() + "/" + ns + "/" + object.GetName()
	}
	return object.GetKind() + "/" + object.GetName()
}

// backgroundContext is the context of Kyverno's background controller: that of the request
// with the objects as a cluster returns them, whose numbers are integers where they can be. Of
// a deletion the object before is the object.
func (r *request) backgroundContext(policy *classic, rule *kyvernov1.Rule) (*engine.PolicyContext, error) {
	apart := *r
	apart.classic = classicRequest{}
	if rule.HasGenerate() || r.rec.Operation == capture.Create {
		apart.adm.Object.Raw = r.returned(r.adm.Object.Raw)
	}
	pc, err := apart.policyContext(policy)
	if err != nil || r.env.mocks != nil {
		return pc, err
	}
	trigger, old := pc.NewResource(), pc.OldResource()
	if trigger.Object == nil {
		trigger = old
	}
	pc = pc.WithNewResource(trigger).WithAdmissionOperation(false)
	if err := pc.JSONContext().AddResource(trigger.DeepCopy().Object); err != nil {
		return nil, err
	}
	return pc, pc.JSONContext().AddOldResource(old.DeepCopy().Object)
}

// again asks whether a rule still applies, as the background controller does before it
// generates: what it reads may differ from what the webhook read.
func (u classicBackground) again(ctx context.Context, eng engineapi.Engine, pc *engine.PolicyContext, v verdict.Verdict) verdict.Verdict {
	for _, w := range u.verdicts(eng.Generate(ctx, pc), v.Type, v.Action) {
		return w
	}
	v.Outcome, v.Message = verdict.Error, "policy does not apply to resource"
	return v
}

// generate runs Kyverno's generator against a client that keeps what it is given, also where
// something else could not be made.
func (u classicBackground) generate(pc *engine.PolicyContext, rule *kyvernov1.Rule, keeper *generateClient) (made []madeObject, err error) {
	controller := generate.NewGenerateControllerWithOnlyClient(keeper, u.engineFor(keeper.client.req))
	_, err = controller.ApplyGeneratePolicy(logr.Discard(), pc, []string{rule.Name})
	for _, object := range keeper.made {
		made = append(made, madeObject{object: object})
	}
	return made, err
}

// mutateExisting asks the engine as the background controller does: outside of admission. A target
// that cannot be patched keeps it from no other.
func (u classicBackground) mutateExisting(ctx context.Context, eng engineapi.Engine, pc *engine.PolicyContext) (changed []madeObject, failed error) {
	er := eng.Mutate(ctx, pc.WithAdmissionOperation(false))
	for i := range er.PolicyResponse.Rules {
		r := &er.PolicyResponse.Rules[i]
		if r.Status() == engineapi.RuleStatusError && failed == nil { // the first is told
			failed = errors.New(r.Message())
		}
		if target, _, sub := r.PatchedTarget(); target != nil && r.Status() == engineapi.RuleStatusPass {
			changed = append(changed, madeObject{*target, sub})
		}
	}
	return changed, failed
}
