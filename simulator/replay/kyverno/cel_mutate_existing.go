package kyverno

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kyverno/kyverno/pkg/admissionpolicy"
	mpolengine "github.com/kyverno/kyverno/pkg/cel/policies/mpol/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// mutatingExisting previews what Kyverno's background controller would do for a
// MutatingPolicy with mutateExisting after the request was admitted.
type mutatingExisting struct{ *mutating }

// mpolProvider hands Kyverno's engine the variants of one policy.
type mpolProvider []mpolengine.Policy

// Fetch returns all of them.
func (p mpolProvider) Fetch(context.Context, bool) []mpolengine.Policy { return p }

// MatchesMutateExisting is not asked: the trigger is matched here.
func (p mpolProvider) MatchesMutateExisting(context.Context, admission.Attributes, *admissionv1.AdmissionRequest, *corev1.Namespace) []string {
	return nil
}

type mpolTarget struct {
	object   unstructured.Unstructured
	resource schema.GroupVersionResource
	sub      string
}

func (u *mutatingExisting) eval(ctx context.Context, req *request) answer {
	if req.rec.DryRun {
		return answer{}
	}
	body, err := req.decoded()
	if err != nil {
		return u.broken(verdict.MutateExisting, err)
	}
	var out answer
	err = u.compiled.use(req, func(one *instance[[]mpolengine.Policy]) error {
		v := verdict.Verdict{Policy: u.name, Type: verdict.MutateExisting}
		triggered, err := u.triggered(ctx, req, body, one, &v)
		switch {
		case err != nil:
			v.Outcome, v.Message = verdict.Error, err.Error()
		case v.Outcome == verdict.Unset:
			return nil
		case triggered:
			req.asker = backgroundSuffix
			out.generated, err = u.targets(ctx, req, body, one)
			if err != nil {
				v.Outcome, v.Message = verdict.Error, err.Error()
			}
		}
		v = u.needs.settle(v, req, req.misses.take())
		if v.Outcome != verdict.Pass && v.Outcome != verdict.Error {
			out.generated = nil
		}
		out.verdicts = append(out.verdicts, v)
		return nil
	})
	if err != nil {
		return u.broken(verdict.MutateExisting, err)
	}
	return out
}

// triggered tells whether the request sets the policy off, and sets v's outcome when it at
// least matches.
func (u *mutatingExisting) triggered(ctx context.Context, req *request, body *celBody, one *instance[[]mpolengine.Policy], v *verdict.Verdict) (bool, error) {
	for i := range one.compiled {
		matched, err := u.matches(i, req, body)
		if err != nil {
			return false, err
		}
		if !matched {
			continue
		}
		v.Outcome, v.Message = verdict.Skip, matchConditionsNotMet
		conditions := one.compiled[i].Policy.GetSpec().MatchConditions
		if len(conditions) == 0 || one.compiled[i].CompiledPolicy.MatchesConditions(ctx, body.attr, &req.adm, body.typed, one.library) {
			v.Outcome, v.Message = verdict.Pass, ""
			return true, nil
		}
	}
	return false, nil
}

// targets returns the objects that the policy would change, as it would leave them. One that
// cannot be changed keeps it from no other; the error is that of the first.
func (u *mutatingExisting) targets(ctx context.Context, req *request, body *celBody, one *instance[[]mpolengine.Policy]) ([]verdict.Generated, error) {
	found, err := u.find(ctx, req, body, one)
	if err != nil {
		return nil, err
	}
	// No matcher, as in Kyverno's background controller: what was found is a target.
	engine := mpolengine.NewEngine(mpolProvider(one.compiled), nil, nil, typesFor{u.types, req}, one.library)
	var changed []verdict.Generated
	var failed error
	for _, target := range found {
		object := &target.object
		if req.env.cfg.ToFilter(object.GroupVersionKind(), target.sub, object.GetNamespace(), object.GetName()) {
			continue
		}
		attr := admission.NewAttributesRecord(object, nil, object.GroupVersionKind(), object.GetNamespace(), object.GetName(), target.resource, target.sub,
			admission.Operation(req.adm.Operation), nil, false, admissionpolicy.NewUser(req.adm.UserInfo))
		response, err := engine.Evaluate(ctx, attr, req.adm, mpolengine.MatchNames())
		if err != nil {
			return nil, err
		}
		if err := failureOf(response); err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", targetName(*object), err)
		}
		if response.PatchedResource == nil || equality.Semantic.DeepEqual(response.PatchedResource.Object, object.Object) {
			continue
		}
		content, err := json.Marshal(response.PatchedResource.Object)
		if err != nil {
			return nil, err
		}
		changed = append(changed, verdict.Generated{Policy: u.name, Target: targetName(*object), SubResource: target.sub, Object: content})
	}
	return changed, failed
}

func failureOf(response mpolengine.EngineResponse) error {
	for _, p := range response.Policies {
		for i := range p.Rules {
			if p.Rules[i].Status() == engineapi.RuleStatusError {
				return errors.New(AtomicsInOrder(p.Rules[i].Message()))
			}
		}
	}
	return nil
}
