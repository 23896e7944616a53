package kyverno

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	enginecontext "github.com/kyverno/kyverno/pkg/engine/context"
	"github.com/kyverno/kyverno/pkg/utils/conditions"
	"github.com/kyverno/kyverno/pkg/utils/match"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// cleanup is a CleanupPolicy or ClusterCleanupPolicy: on its schedule it deletes the
// objects that match. It is asked about every object that stands.
type cleanup struct {
	name    verdict.PolicyRef
	policy  kyvernov2.CleanupPolicyInterface
	entries map[string]*kyvernov2beta1.GlobalContextEntry
	random  bool   // it draws random values
	asks    string // its conditions and their context, JSON
}

func newCleanup(object policy.Object, entries map[string]*kyvernov2beta1.GlobalContextEntry) (*cleanup, error) {
	var typed kyvernov2.CleanupPolicyInterface = &kyvernov2.ClusterCleanupPolicy{}
	if object.Kind == "CleanupPolicy" {
		typed = &kyvernov2.CleanupPolicy{}
	}
	if err := json.Unmarshal(object.JSON, typed); err != nil {
		return nil, fmt.Errorf("decode %s: %w", object.Kind, err)
	}
	if typed.GetNamespace() == "" {
		typed.SetNamespace(object.Namespace)
	}
	name := verdict.PolicyRef{Kind: object.Kind, Namespace: object.Namespace, Name: object.Name}
	spec := typed.GetSpec()
	asks, err := json.Marshal([]any{spec.Conditions, spec.Context})
	return &cleanup{name, typed, entries, drawsRandom.Match(object.JSON), string(asks)}, err
}

func (c *cleanup) ref() verdict.PolicyRef { return c.name }

func (c *cleanup) sees(req *request) bool { return req.stands() }

func (c *cleanup) eval(ctx context.Context, req *request) answer {
	v := verdict.Verdict{Policy: c.name, Type: verdict.Delete}
	matched, err := c.matches(ctx, req)
	found := req.misses.take()
	switch {
	case len(found) > 0:
		v = undecided(v, found)
	case err != nil:
		v.Outcome, v.Message = verdict.Error, err.Error()
	case matched:
		v.Outcome, v.Message = verdict.Pass, "would be deleted on schedule "+c.policy.GetSpec().Schedule
	default:
		return answer{}
	}
	return answer{verdicts: []verdict.Verdict{v}}
}

func (c *cleanup) matches(ctx context.Context, req *request) (bool, error) {
	resource := unstructured.Unstructured{}
	if err := resource.UnmarshalJSON(req.adm.Object.Raw); err != nil {
		return false, fmt.Errorf("decode the object: %w", err)
	}
	spec := c.policy.GetSpec()
	if match.CheckNamespace(c.policy.GetNamespace(), resource) != nil {
		return false, nil
	}
	var labels map[string]string
	if req.namespace != nil {
		labels = req.namespace.Labels
	}
	if match.CheckMatchesResources(resource, spec.MatchResources, labels, kyvernov2.RequestInfo{}, req.kind, "") != nil {
		return false, nil
	}
	if ex := spec.ExcludeResources; ex != nil && match.CheckMatchesResources(resource, *ex, labels, kyvernov2.RequestInfo{}, req.kind, "") == nil {
		return false, nil
	}
	if spec.Conditions == nil {
		return true, nil
	}
	if found := req.ungrown(c.asks); len(found) > 0 {
		req.misses.add(found[0].reason, found[0].resolve)
		return false, nil
	}
	if c.random {
		req.misses.add(randomMiss.reason, randomMiss.resolve)
		return false, nil
	}
	jc := enginecontext.NewContext(req.env.jp)
	loader := contextLoaders(req, c.entries, req.env.jp)(nil, kyvernov1.Rule{})
	if err := loader.Load(ctx, req.env.jp, client{req: req}, images{req: req}, spec.Context, jc); err != nil {
		return false, err
	}
	if err := jc.SetTargetResource(resource.Object); err != nil {
		return false, err
	}
	if err := jc.AddNamespace(resource.GetNamespace()); err != nil {
		return false, err
	}
	if err := jc.AddImageInfos(&resource, req.env.cfg); err != nil {
		return false, err
	}
	return conditions.CheckAnyAllConditions(logr.Discard(), jc, *spec.Conditions)
}
