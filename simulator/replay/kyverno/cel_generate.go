package kyverno

import (
	"context"
	"encoding/json"
	"fmt"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	"github.com/kyverno/kyverno/pkg/cel/policies/gpol/compiler"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// generating is a GeneratingPolicy or NamespacedGeneratingPolicy: after a request was
// admitted it creates objects. It never refuses one.
type generating struct {
	*celPolicy
	compiled *instances[*compiler.Policy]
	// reach is what its webhook is called for: where it synchronizes, of every operation.
	reach       *celPolicy
	synchronize bool
	apply       bool // server-side
	existing    bool // it generates for what was there before it
	onDelete    bool // it generates for what is deleted
}

func (c *Compiler) newGenerating(base *celPolicy, content []byte) ([]phased, error) {
	typed, err := decodeCEL[policiesv1beta1.GeneratingPolicyLike](base, content, &policiesv1beta1.GeneratingPolicy{}, &policiesv1beta1.NamespacedGeneratingPolicy{})
	if err != nil {
		return nil, err
	}
	base.skipsOwn = typed.GetSpec().SkipBackgroundRequestsEnabled()
	u := &generating{celPolicy: base}
	// Exclusive: the library keeps what is generated.
	u.compiled, err = newInstances(base, true, func(*library) (*compiler.Policy, error) {
		compiled, errs := compiler.NewCompiler().Compile(typed, base.exceptions)
		if len(errs) > 0 {
			return nil, errs.ToAggregate()
		}
		return compiled, nil
	})
	if err != nil {
		return nil, err
	}
	if !typed.GetSpec().AdmissionEnabled() && !c.opt.EveryPolicy {
		return nil, nil
	}
	u.look(typed)
	return []phased{{phaseBackground, u}}, nil
}

func (u *generating) eval(ctx context.Context, req *request) answer {
	if req.rec.DryRun {
		return answer{}
	}
	body, err := req.decoded()
	if err != nil {
		return u.broken(verdict.Generate, err)
	}
	var out answer
	if req.rec.Operation != capture.Delete || u.onDelete || req.env.mocks != nil {
		out = u.generates(ctx, req, body)
	}
	return u.withEnded(ctx, req, body, out)
}

// generates is what the policy makes for a request.
func (u *generating) generates(ctx context.Context, req *request, body *celBody) answer {
	matched, err := u.matches(0, req, body)
	if err != nil {
		return u.broken(verdict.Generate, err)
	}
	if !matched {
		return answer{}
	}
	var out answer
	err = u.compiled.use(req, func(one *instance[*compiler.Policy]) error {
		v := verdict.Verdict{Policy: u.name, Type: verdict.Generate}
		trigger := triggerOf(req, body)
		req.asker = backgroundSuffix // that of admission does not look into the policy
		one.library.SetGenerateContext(u.name.Name, u.policyNamespace(), req.adm.Name, trigger.GetNamespace(), req.adm.Kind.Version, req.adm.Kind.Group, req.adm.Kind.Kind, string(trigger.GetUID()), false, u.apply)
		adm := body.slim
		if u.needs.body {
			adm = &req.adm
		}
		result, err := one.compiled.Evaluate(ctx, body.attr, adm, body.namespace, one.library)
		switch {
		case err != nil:
			v.Outcome, v.Message = verdict.Error, "failed to evaluate policy: "+err.Error()
		case result == nil:
			v.Outcome, v.Message = verdict.Skip, matchConditionsNotMet
		case len(result.Exceptions) > 0:
			v = excepted(v, result.Exceptions)
		default:
			v.Outcome = verdict.Pass
			if out.generated, err = u.made(result.GeneratedResources); err != nil {
				v.Outcome, v.Message = verdict.Error, err.Error()
			}
		}
		v = u.needs.settle(v, req, req.misses.take())
		if v.Outcome != verdict.Pass {
			out.generated = nil
		}
		out.verdicts = append(out.verdicts, v)
		return nil
	})
	if err != nil {
		return u.broken(verdict.Generate, err)
	}
	return out
}

func (u *generating) policyNamespace() string {
	if u.namespaced {
		return u.name.Namespace
	}
	return ""
}

// triggerOf returns the object, or the deleted one.
func triggerOf(req *request, body *celBody) *unstructured.Unstructured {
	trigger, _ := body.attr.GetObject().(*unstructured.Unstructured)
	if req.rec.Operation == capture.Delete {
		trigger, _ = body.attr.GetOldObject().(*unstructured.Unstructured)
	}
	return trigger
}

func (u *generating) made(objects []*unstructured.Unstructured) ([]verdict.Generated, error) {
	var all []verdict.Generated
	for _, object := range objects {
		content, err := json.Marshal(object.Object)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", targetName(*object), err)
		}
		all = append(all, verdict.Generated{Policy: u.name, Target: targetName(*object), Object: content})
	}
	return all, nil
}
