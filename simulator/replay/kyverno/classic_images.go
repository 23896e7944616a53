package kyverno

import (
	"context"
	"fmt"
	"slices"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	enginepatch "github.com/kyverno/kyverno/pkg/engine/mutate/patch"
	jsonutils "github.com/kyverno/kyverno/pkg/utils/json"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// classicVerify runs verifyImages rules: it verifies and pins images as Kyverno's mutating
// webhook does, and then requires what its validating webhook requires of the result, a
// digest and the mark of the verification. Signatures need what their registry answered; a
// rule that needs none is decided.
type classicVerify struct {
	*classic
	checks kyvernov1.PolicyInterface // the rules that require something; nil for none
	trust  trust
}

func newClassicVerify(c *classic) classicVerify {
	own := *c
	read, trust := atHand(c.policy)
	own.policy, own.cache = read, &variants{}
	checks := withRules(c.policy, func(r *kyvernov1.Rule) bool { return r.HasVerifyImageChecks() })
	if checks != nil {
		checks.SetResourceVersion("") // keep it out of the autogen memo
	}
	return classicVerify{&own, checks, trust}
}

func (u classicVerify) eval(ctx context.Context, req *request) answer {
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.VerifyImages, verdict.Enforce, err)
	}
	policy, _ := u.readings(req)
	eng := u.engineWith(req, images{req, u.trust})
	er, marks := eng.VerifyAndPatchImages(ctx, pc.WithPolicy(policy))
	found := req.misses.take()
	var out answer
	u.judge(&out, req, er, found)
	if len(found) > 0 || out.refuses() {
		return out
	}
	object, err := marked(req.adm.Object.Raw, er, marks)
	if err != nil {
		return u.broken(verdict.VerifyImages, verdict.Enforce, err)
	}
	out.object = object
	if u.checks != nil {
		u.check(ctx, &out, req, eng, pc, object)
	}
	return out
}

// check requires of the verified object what the rules require.
func (u classicVerify) check(ctx context.Context, out *answer, req *request, eng engineapi.Engine, pc *engine.PolicyContext, object []byte) {
	if object != nil {
		after := *req
		after.adm.Object.Raw, after.classic = object, classicRequest{}
		var err error
		if pc, err = after.policyContext(u.classic); err != nil {
			*out = u.broken(verdict.VerifyImages, verdict.Enforce, err)
			return
		}
	}
	er := eng.Validate(ctx, pc.WithPolicy(u.checks))
	decided := out.verdicts
	out.verdicts = nil
	u.judge(out, req, er, req.misses.take())
	for _, v := range decided { // a rule speaks once: with the failure, or with the later word
		same := func(w verdict.Verdict) bool { return w.Rule == v.Rule }
		at := slices.IndexFunc(out.verdicts, same)
		switch {
		case at < 0:
			out.verdicts = append(out.verdicts, v)
		case v.Outcome != verdict.Pass && v.Outcome != verdict.Skip:
			out.verdicts[at] = v
		}
	}
}

func (u classicVerify) judge(out *answer, req *request, er engineapi.EngineResponse, found []miss) {
	action := verdict.Audit
	if er.GetValidationFailureAction().Enforce() {
		action = verdict.Enforce
	}
	open := u.needs.wholeOpen(u.policy.GetSpec(), req)
	for i, v := range u.verdicts(er, verdict.VerifyImages, action) {
		v = u.needs.settle(v, req, u.standing(v, found))
		if open && v.Outcome != verdict.Error { // an error refuses, or not, whatever the action is
			v = byLabels(v, false, req)
		}
		out.verdicts = append(out.verdicts, v)
		rule := &er.PolicyResponse.Rules[i]
		if v.Outcome != verdict.Undecided && (rule.EmitWarning() || er.EmitsWarning() && v.Outcome != verdict.Skip) {
			out.warnings = append(out.warnings, warningOf(v, v.Message))
		}
		if action == verdict.Enforce && v.Outcome == verdict.Fail || v.Outcome == verdict.Error && u.failClosed() {
			out.blame(v.Message)
			out.fail(v.Rule, v.Message)
		}
	}
}

// standing are the misses that could turn v: what fails although logs were ignored, fails.
func (u classicVerify) standing(v verdict.Verdict, found []miss) []miss {
	if v.Outcome != verdict.Fail || !u.trust.looser {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), func(m miss) bool { return m.reason == trustReason })
}

// marked returns the object with what verification wrote into it: digests, and the
// annotation that says which images were verified. nil when nothing changed.
func marked(object []byte, er engineapi.EngineResponse, marks engineapi.ImageVerificationMetadata) ([]byte, error) {
	if er.PatchedResource.Object == nil {
		return nil, nil
	}
	with := patched(object, er)
	if marks.IsEmpty() {
		return with, nil
	}
	if with == nil {
		with = object
	}
	operations, err := marks.Patches(len(er.PatchedResource.GetAnnotations()) > 0, logr.Discard())
	if err != nil {
		return nil, fmt.Errorf("mark the verified images: %w", err)
	}
	decoded, err := jsonpatch.DecodePatch(jsonutils.JoinPatches(enginepatch.ConvertPatches(operations...)...))
	if err != nil {
		return nil, fmt.Errorf("mark the verified images: %w", err)
	}
	return decoded.ApplyWithOptions(with, &jsonpatch.ApplyOptions{SupportNegativeIndices: true, AllowMissingPathOnRemove: true, EnsurePathExistsOnAdd: true})
}
