package kyverno

import (
	"context"
	"encoding/json"
	"fmt"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	"github.com/kyverno/kyverno/pkg/cel/policies/dpol"
	"github.com/kyverno/kyverno/pkg/cel/policies/dpol/compiler"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// deleting is a DeletingPolicy or NamespacedDeletingPolicy: on its schedule it deletes the
// objects that match. It is asked about every object that stands.
type deleting struct {
	*celPolicy
	schedule string
	compiled *instances[*compiler.Policy]
	fault    error // why the cleanup controller cannot run it
}

func (c *Compiler) newDeleting(base *celPolicy, content []byte) ([]phased, error) {
	typed, err := decodeCEL[policiesv1beta1.DeletingPolicyLike](base, content, &policiesv1beta1.DeletingPolicy{}, &policiesv1beta1.NamespacedDeletingPolicy{})
	if err != nil {
		return nil, err
	}
	spec := typed.GetDeletingPolicySpec()
	u := &deleting{celPolicy: base, schedule: spec.Schedule}
	u.compiled, err = newInstances(base, base.needs.lookups, func(*library) (*compiler.Policy, error) {
		compiled, errs := compiler.NewCompiler().Compile(typed, base.exceptions)
		if len(errs) > 0 {
			return nil, errs.ToAggregate()
		}
		return compiled, nil
	})
	if base.namespaced {
		_, u.fault = dpol.Validate(typed) // nobody else has asked
	} else if err != nil {
		return nil, err
	}
	if spec.MatchConstraints == nil { // it judges payloads only
		return []phased{{phaseSchedule, u}}, nil
	}
	// The controller matches whatever the operations of the rules are.
	match := spec.MatchConstraints.DeepCopy()
	for i := range match.ResourceRules {
		match.ResourceRules[i].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}
	}
	base.addVariant(match)
	return []phased{{phaseSchedule, u}}, nil
}

func (u *deleting) sees(req *request) bool {
	return req.stands() && u.celPolicy.sees(req)
}

func (u *deleting) judges() Payload { return JSONPayload }
func (u *deleting) payload() unit   { return deletingJSON{u} }

// deletingJSON asks the conditions about a payload, which no constraint can match.
type deletingJSON struct{ *deleting }

func (u deletingJSON) eval(ctx context.Context, req *request) answer {
	var object map[string]any
	if err := json.Unmarshal(req.adm.Object.Raw, &object); err != nil {
		return u.broken(verdict.Delete, fmt.Errorf("decode the payload: %w", err))
	}
	return u.judge(ctx, req, &unstructured.Unstructured{Object: object}, nil)
}

func (u *deleting) eval(ctx context.Context, req *request) answer {
	body, err := req.decoded()
	if err != nil {
		return u.broken(verdict.Delete, err)
	}
	matched, err := u.matches(0, req, body)
	if err != nil {
		return u.broken(verdict.Delete, err)
	}
	if !matched {
		return answer{}
	}
	object, _ := body.attr.GetObject().(*unstructured.Unstructured)
	return u.judge(ctx, req, object, body.namespace)
}

func (u *deleting) judge(ctx context.Context, req *request, object *unstructured.Unstructured, namespace runtime.Object) answer {
	var out answer
	if u.fault != nil {
		return u.broken(verdict.Delete, u.fault)
	}
	err := u.compiled.use(req, func(one *instance[*compiler.Policy]) error {
		v := verdict.Verdict{Policy: u.name, Type: verdict.Delete}
		result, err := one.compiled.Evaluate(ctx, *object, namespace, one.library)
		found := append(req.misses.take(), req.ungrown(u.needs.text)...)
		switch {
		case err != nil:
			v.Outcome, v.Message = verdict.Error, err.Error()
		case len(result.Exceptions) > 0:
			v = excepted(v, result.Exceptions)
		case result.Result:
			v.Outcome, v.Message = verdict.Pass, "would be deleted on schedule "+u.schedule
		case req.env.mocks != nil:
			v.Outcome, v.Message = verdict.Fail, "resource did not match"
		case len(found) == 0 && len(u.needs.unknown(v, req)) == 0:
			return nil // it stays
		}
		out.verdicts = append(out.verdicts, u.needs.settle(v, req, found))
		return nil
	})
	if err != nil {
		return u.broken(verdict.Delete, err)
	}
	return out
}
