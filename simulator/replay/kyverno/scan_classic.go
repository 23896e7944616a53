package kyverno

import (
	"context"
	"fmt"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	kubeutils "github.com/kyverno/kyverno/pkg/utils/kube"
	policyvalidation "github.com/kyverno/kyverno/pkg/validation/policy"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// classicScan is a ClusterPolicy or Policy as the scan uses it.
type classicScan struct {
	*classic
	images *classicVerify // nil for none
	scored bool
}

// scanContext is what the reports controller makes of an object: the request is the object, its
// namespace and the operation alone, and numbers are integers where they can be.
func (r *request) scanContext() (*engine.PolicyContext, error) {
	object, err := kubeutils.BytesToUnstructured(r.adm.Object.Raw)
	if err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	pc, err := engine.NewPolicyContext(r.env.jp, *object, kyvernov1.Create, nil, r.env.cfg)
	if err != nil {
		return nil, fmt.Errorf("build the policy context: %w", err)
	}
	if r.namespace != nil {
		pc = pc.WithNamespaceLabels(r.namespace.Labels)
	}
	return pc, nil
}

// newClassicScan returns nil for policies that are not scanned.
func newClassicScan(c *classic) *classicScan {
	spec := c.policy.GetSpec()
	r := reporting{}
	r.Metadata.Labels, r.Metadata.Annotations = c.policy.GetLabels(), c.policy.GetAnnotations()
	asks := spec.HasValidate() || spec.HasVerifyImages() || spec.HasVerifyManifests()
	if !asks || !r.scans() || !c.policy.BackgroundProcessingEnabled() || policyvalidation.ValidateVariables(c.policy, true) != nil {
		return nil
	}
	made := &classicScan{classic: c, scored: r.scored()}
	if spec.HasVerifyImages() {
		verify := newClassicVerify(c)
		verify.checks = nil // they are the webhook's
		made.images = &verify
	}
	return made
}

func (u *classicScan) eval(ctx context.Context, req *request) answer {
	if u.policy.IsNamespaced() && u.policy.GetNamespace() != req.adm.Namespace {
		return answer{}
	}
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.Validate, verdict.Audit, err)
	}
	policy, _ := u.readings(req)
	eng := u.engineFor(req)
	ask := func(p kyvernov1.PolicyInterface) engineapi.EngineResponse { return eng.Validate(ctx, pc.WithPolicy(p)) }
	er := ask(policy)
	found := req.misses.take()
	var out answer
	for i, v := range u.verdicts(er, verdict.Validate, "") {
		if strings.EqualFold(string(er.PolicyResponse.Rules[i].RuleType()), "ImageVerify") {
			continue
		}
		out.verdicts = append(out.verdicts, unscored(u.settle(v, req, found, policy, ask), u.scored))
	}
	if u.images != nil {
		for _, v := range u.images.eval(ctx, req).verdicts {
			out.verdicts = append(out.verdicts, unscored(v, u.scored))
		}
	}
	return out
}
