package kyverno

import (
	"context"
	"slices"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// look reads what a policy is to be asked about.
func (u *generating) look(typed policiesv1beta1.GeneratingPolicyLike) {
	spec := typed.GetSpec()
	match := spec.MatchConstraints
	u.addVariant(match)
	// Kyverno looks for what a policy of a namespace made under its name with the namespace, and
	// writes it without.
	u.synchronize, u.existing = spec.SynchronizationEnabled() && !u.namespaced, spec.GenerateExistingEnabled()
	u.apply = spec.UseServerSideApply
	u.onDelete = match != nil && slices.ContainsFunc(match.ResourceRules, func(r admissionregistrationv1.NamedRuleWithOperations) bool {
		return slices.Contains(r.Operations, admissionregistrationv1.Delete)
	})
	u.reach = &celPolicy{name: u.name, namespaced: u.namespaced}
	if u.synchronize && match != nil {
		match = match.DeepCopy()
		match.ExcludeResourceRules = nil
		for i := range match.ResourceRules {
			match.ResourceRules[i].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}
		}
	}
	u.reach.addVariant(match)
}

func (u *generating) sees(req *request) bool { return u.reach.sees(req) }

// withEnded adds to what the policy makes what Kyverno deletes: for an update what it made for
// the object before and does not make any more, whatever the reason.
func (u *generating) withEnded(ctx context.Context, req *request, body *celBody, out answer) answer {
	operation := req.rec.Operation
	ends := operation == capture.Update || operation == capture.Delete && !u.onDelete
	if !u.synchronize || !ends || req.env.mocks != nil {
		return out
	}
	v := verdict.Verdict{Policy: u.name, Type: verdict.Generate, Outcome: verdict.Skip, Message: noLonger}
	if len(out.verdicts) > 0 {
		v = out.verdicts[0]
	}
	if v.Outcome != verdict.Pass && (v.Outcome != verdict.Skip || len(v.Exceptions) > 0) {
		return out // Kyverno leaves all as it is
	}
	if called, err := u.reach.matches(0, req, body); err != nil || !called {
		return out
	}
	deleted, unknown := u.ended(ctx, req, body, out.generated)
	if unknown != nil {
		v = undecided(v, []miss{*unknown})
	}
	if len(out.verdicts) > 0 {
		out.verdicts[0] = v
	} else if unknown != nil || len(deleted) > 0 {
		out.verdicts = []verdict.Verdict{v}
	}
	out.generated = withDeletions(out.generated, deleted)
	return out
}

// ended are the objects that the policy made for the object before, but for those that are wanted.
func (u *generating) ended(ctx context.Context, req *request, body *celBody, wanted []verdict.Generated) (deleted []verdict.Generated, unknown *miss) {
	trigger := triggerOf(req, body)
	for _, object := range req.madeBy(u.name.Name, string(trigger.GetUID())) {
		deleted = append(deleted, deletion(u.name, "", object))
	}
	if shown := req.shows(trigger); !shown || len(deleted) == 0 {
		var made []verdict.Generated
		made, unknown = u.before(ctx, req)
		for _, g := range made {
			if g.Deleted = true; !shown || u.existing || req.lacks(g.Object) {
				deleted = withDeletions(deleted, []verdict.Generated{g})
			}
		}
	}
	return slices.DeleteFunc(deleted, func(g verdict.Generated) bool {
		return slices.ContainsFunc(wanted, func(w verdict.Generated) bool { return w.Target == g.Target })
	}), unknown
}

// before is what the policy makes for the object before, where that is known.
func (u *generating) before(ctx context.Context, req *request) ([]verdict.Generated, *miss) {
	if len(req.adm.OldObject.Raw) == 0 {
		return nil, nil
	}
	for _, operation := range []capture.Operation{capture.Create, capture.Update} {
		was, rec := *req, *req.rec
		rec.Operation = operation
		was.rec, was.misses, was.cel = &rec, misses{}, celRequest{}
		was.adm.Operation, was.adm.Object = admissionv1.Operation(operation), req.adm.OldObject
		if operation == capture.Create {
			was.adm.OldObject = runtime.RawExtension{}
		}
		body, err := was.decoded()
		if err != nil {
			return nil, nil // nor would Kyverno have decoded it
		}
		out := u.generates(ctx, &was, body)
		if len(out.verdicts) == 0 {
			continue
		}
		switch v := out.verdicts[0]; v.Outcome {
		case verdict.Undecided:
			return nil, &miss{reason: v.Reason, resolve: v.Resolve}
		case verdict.Error:
			return nil, madeNothing(v.Message)
		}
		return out.generated, nil
	}
	return nil, nil
}
