package kyverno

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	policiesv1 "github.com/kyverno/api/api/policies.kyverno.io/v1"
	authzhttp "github.com/kyverno/kyverno-authz/pkg/cel/libs/authz/http"
	"github.com/kyverno/kyverno-authz/pkg/engine"
	"github.com/kyverno/kyverno-authz/pkg/engine/compiler"
	"google.golang.org/protobuf/encoding/protojson"
	"k8s.io/client-go/dynamic"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// authorizing is a ValidatingPolicy that judges requests to a service, HTTP or Envoy's,
// with the engine of Kyverno's authorizer. It has no cluster to ask.
type authorizing struct {
	*celPolicy
	kind  Payload
	judge func(context.Context, []byte) (verdict.Outcome, string, error)
}

func newAuthorizing(base *celPolicy, mode string, content []byte) ([]phased, error) {
	typed := &policiesv1.ValidatingPolicy{}
	if err := json.Unmarshal(content, typed); err != nil {
		return nil, fmt.Errorf("decode %s: %w", base.name.Kind, err)
	}
	u := &authorizing{celPolicy: base, kind: Payload(mode)}
	switch u.kind {
	case HTTPPayload:
		compiled, faults := compiler.NewCompiler[dynamic.Interface, *authzhttp.CheckRequest, *authzhttp.CheckResponse](nil).Compile(typed, nil)
		if err := faults.ToAggregate(); err != nil {
			return nil, err
		}
		u.judge = func(ctx context.Context, payload []byte) (verdict.Outcome, string, error) {
			return judgeHTTP(ctx, compiled, payload)
		}
	case EnvoyPayload:
		compiled, faults := compiler.NewCompiler[dynamic.Interface, *authv3.CheckRequest, *authv3.CheckResponse](nil).Compile(typed, nil)
		if err := faults.ToAggregate(); err != nil {
			return nil, err
		}
		u.judge = func(ctx context.Context, payload []byte) (verdict.Outcome, string, error) {
			return judgeEnvoy(ctx, compiled, payload)
		}
	default:
		return nil, fmt.Errorf("spec.evaluation.mode %s is not known", mode)
	}
	return []phased{{phaseValidate, u}}, nil
}

func (u *authorizing) sees(*request) bool { return false }
func (u *authorizing) judges() Payload    { return u.kind }
func (u *authorizing) payload() unit      { return u }

func (u *authorizing) eval(ctx context.Context, req *request) answer {
	v := verdict.Verdict{Policy: u.name, Type: verdict.Validate}
	var err error
	if v.Outcome, v.Message, err = u.judge(ctx, req.adm.Object.Raw); err != nil {
		v.Outcome, v.Message = verdict.Error, err.Error()
	}
	return answer{verdicts: []verdict.Verdict{v}}
}

const (
	notMatched = "request does not match"
	allowed    = "request allowed"
)

var errNoAnswer = errors.New("the policy neither allows nor denies the request")

func judgeHTTP(ctx context.Context, compiled engine.HTTPPolicy, payload []byte) (verdict.Outcome, string, error) {
	request := &authzhttp.CheckRequest{}
	if err := json.Unmarshal(payload, request); err != nil {
		return 0, "", fmt.Errorf("decode the HTTP payload: %w", err)
	}
	got, err := compiled.Evaluate(ctx, nil, request)
	switch {
	case err != nil:
		return 0, "", err
	case got == nil:
		return verdict.Skip, notMatched, nil
	case got.Ok != nil:
		return verdict.Pass, allowed, nil
	case got.Denied != nil:
		return verdict.Fail, "request denied, reason: " + got.Denied.Reason, nil
	}
	return 0, "", errNoAnswer
}

func judgeEnvoy(ctx context.Context, compiled engine.EnvoyPolicy, payload []byte) (verdict.Outcome, string, error) {
	request := &authv3.CheckRequest{}
	if err := protojson.Unmarshal(payload, request); err != nil {
		return 0, "", fmt.Errorf("decode the Envoy payload: %w", err)
	}
	got, err := compiled.Evaluate(ctx, nil, request)
	switch {
	case err != nil:
		return 0, "", err
	case got == nil:
		return verdict.Skip, notMatched, nil
	case got.GetOkResponse() != nil:
		return verdict.Pass, allowed, nil
	case got.GetDeniedResponse() != nil:
		return verdict.Fail, fmt.Sprintf("request denied with status code %d", got.GetDeniedResponse().GetStatus().GetCode()), nil
	}
	return 0, "", errNoAnswer
}
