package kyverno

import (
	"context"
	"encoding/json"
	"fmt"

	policieskyvernoio "github.com/kyverno/api/api/policies.kyverno.io"
	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	celengine "github.com/kyverno/kyverno/pkg/cel/engine"
	"github.com/kyverno/kyverno/pkg/cel/policies/vpol/compiler"
	vpolengine "github.com/kyverno/kyverno/pkg/cel/policies/vpol/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Payload says what a payload that is no Kubernetes object is.
type Payload string

// The payloads that policies may judge besides admission requests.
const (
	JSONPayload  Payload = policieskyvernoio.EvaluationModeJSON
	HTTPPayload  Payload = "HTTP"
	EnvoyPayload Payload = "Envoy"
)

// AskPayload asks the policies of the first side that judge such payloads.
func (e *Engine) AskPayload(ctx context.Context, kind Payload, content json.RawMessage) ([]Said, error) {
	rec := &capture.Record{Operation: capture.Create, Object: content, Live: true}
	var all []Said
	for _, u := range e.sides[0].units {
		judge, ok := u.unit.(payloadUnit)
		if !ok || judge.judges() != kind {
			continue
		}
		run := &sideRun{req: request{rec: rec, look: e.look, env: e.env, namespaceKnown: true, adm: admissionv1.AdmissionRequest{Operation: admissionv1.Create}}, common: &shared{}}
		run.req.adm.Object.Raw = content
		got := evaluate(ctx, phased{u.phase, judge.payload()}, &run.req)
		all = append(all, Said{Policy: u.unit.ref(), Verdicts: got.verdicts, Object: content})
	}
	return all, ctx.Err()
}

// payloadUnit is a unit that judges payloads, itself or through another.
type payloadUnit interface {
	judges() Payload
	payload() unit
}

// modeOf is the evaluation mode of a policy; empty is Kubernetes.
func modeOf(object policy.Object) string {
	var head struct {
		Spec struct {
			Evaluation       struct{ Mode string }
			MatchConstraints json.RawMessage
		}
	}
	_ = json.Unmarshal(object.JSON, &head) // it has been decoded before
	mode := head.Spec.Evaluation.Mode
	if mode == policieskyvernoio.EvaluationModeKubernetes {
		return ""
	}
	if mode == "" && object.Kind == "DeletingPolicy" && head.Spec.MatchConstraints == nil {
		return policieskyvernoio.EvaluationModeJSON // it matches no object of a cluster
	}
	return mode
}

// validatingJSON is a ValidatingPolicy that judges JSON.
type validatingJSON struct {
	*celPolicy
	compiled *instances[vpolengine.Engine]
}

func newValidatingJSON(base *celPolicy, typed policiesv1beta1.ValidatingPolicyLike) ([]phased, error) {
	u := &validatingJSON{celPolicy: base}
	var err error
	u.compiled, err = newInstances(base, base.needs.lookups, func(*library) (vpolengine.Engine, error) {
		provider, err := vpolengine.NewProvider(compiler.NewCompiler(), []policiesv1beta1.ValidatingPolicyLike{typed}, base.exceptions)
		if err != nil {
			return nil, err
		}
		return vpolengine.NewEngine(provider, nil, nil), nil
	})
	if err != nil {
		return nil, err
	}
	return []phased{{phaseValidate, u}}, nil
}

func (u *validatingJSON) sees(*request) bool { return true }
func (u *validatingJSON) judges() Payload    { return JSONPayload }
func (u *validatingJSON) payload() unit      { return u }

func (u *validatingJSON) eval(ctx context.Context, req *request) answer {
	var object map[string]any
	if err := json.Unmarshal(req.adm.Object.Raw, &object); err != nil {
		return u.broken(verdict.Validate, fmt.Errorf("decode the payload: %w", err))
	}
	var out answer
	err := u.compiled.use(req, func(one *instance[vpolengine.Engine]) error {
		response, err := one.compiled.Handle(ctx, celengine.RequestFromJSON(one.library, &unstructured.Unstructured{Object: object}), nil)
		if err != nil {
			return err
		}
		for _, p := range response.Policies {
			for i := range p.Rules {
				out.verdicts = append(out.verdicts, u.verdictOf(&p.Rules[i]))
			}
		}
		return nil
	})
	if err != nil {
		return u.broken(verdict.Validate, err)
	}
	return out
}

func (p *celPolicy) verdictOf(rule *engineapi.RuleResponse) verdict.Verdict {
	return verdict.Verdict{Policy: p.name, Type: verdict.Validate, Outcome: outcomeOf(rule.Status()), Message: rule.Message(), Exceptions: exceptionNames(rule)}
}
