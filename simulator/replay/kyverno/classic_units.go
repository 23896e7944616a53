package kyverno

import (
	"fmt"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/pkg/engine"
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
	if policy.needs.any.roles && !r.rolesKnown() {
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
