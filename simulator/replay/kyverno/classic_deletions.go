package kyverno

import (
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/background/common"
	"github.com/kyverno/kyverno/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// ended adds to out what Kyverno deletes because the object no longer triggers a rule. said is
// what it says of all rules of the policy.
func (u classicBackground) ended(out *answer, req *request, policy kyvernov1.PolicyInterface, rule *kyvernov1.Rule, v verdict.Verdict, said []verdict.Verdict) verdict.Verdict {
	v.Outcome, v.Message = verdict.Skip, noLonger
	if rule == nil || !rule.HasGenerate() || !rule.Generation.Synchronize || req.env.mocks != nil {
		return v
	}
	req.asker = backgroundSuffix
	defer func() { req.asker = admissionSuffix }()
	pc, err := u.beforeContext(req, policy, rule)
	if err != nil {
		return v
	}
	old := pc.NewResource()
	found := u.downstream(req, policy, rule, &old)
	shown := len(req.misses.take()) == 0 && req.shows(&old)
	switch {
	case found.untriggered:
		return v // the trigger is itself made by a policy: Kyverno looks for it, and gives up
	case found.failed != "" && shown:
		v.Outcome, v.Message = verdict.Error, found.failed
		return v
	}
	v = u.delete(out, rule, v, found.deleted, said)
	if shown && (len(found.deleted) > 0 || !policy.GetSpec().IsGenerateExisting()) {
		return v
	}
	made, err := u.generate(pc, rule, &generateClient{client: client{req: req, clones: true}, rule: rule, anew: true})
	if unknown := req.misses.take(); len(unknown) > 0 {
		return undecided(v, unknown)
	}
	if err != nil {
		return undecided(v, []miss{*madeNothing(err.Error())})
	}
	if other := alongside(policy, rule, said); other != "" {
		v = undecided(v, []miss{madeAgain("what the policy made", other)})
	}
	for i := range made {
		out.generated = withDeletions(out.generated, []verdict.Generated{deletion(u.name, rule.Name, &made[i].object)})
	}
	return v
}

// beforeContext is a rule's context with the object as it was in the place of what it is.
func (u classicBackground) beforeContext(req *request, policy kyvernov1.PolicyInterface, rule *kyvernov1.Rule) (*engine.PolicyContext, error) {
	pc, err := u.ruleContext(req, policy, rule)
	if err != nil {
		return nil, err
	}
	old := pc.OldResource()
	return pc.WithNewResource(old), pc.JSONContext().AddResource(old.DeepCopy().Object)
}

// perhapsEnded adds that what rules made for the object may be deleted: they do not apply to it as
// it is, and what it was before the update is not known.
func (u classicBackground) perhapsEnded(out *answer, req *request, policy kyvernov1.PolicyInterface) {
	trigger := &unstructured.Unstructured{}
	if !req.oldUnsure() || trigger.UnmarshalJSON(req.adm.Object.Raw) != nil {
		return
	}
	for _, object := range req.madeBy(u.name.Name, string(trigger.GetUID())) {
		rule := ruleOf(policy, object.GetLabels()[common.GenerateRuleLabel])
		if rule == nil || !rule.HasGenerate() || !rule.Generation.Synchronize {
			continue
		}
		v := verdict.Verdict{Policy: u.name, Rule: rule.Name, Type: verdict.Generate}
		v = undecided(v, []miss{{
			reason:  "whether " + targetName(*object) + " is deleted is not known: the object before the update is not in the capture",
			resolve: "raise the audit policy's level to RequestResponse, or capture the cluster",
		}})
		if at := out.find(v); at < 0 {
			out.verdicts = append(out.verdicts, v)
		} else if out.verdicts[at].Outcome == verdict.Skip {
			out.verdicts[at] = v
		}
	}
}
