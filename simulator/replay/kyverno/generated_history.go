package kyverno

import (
	"context"
	"slices"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// eitherWay is a ValidatingPolicy about pods that asks for an admission policy of the API server's
// own. Kyverno makes none where it has noted in the policy's status that it rewrites it for what
// runs pods. A new policy has no status yet, and gets one; at its next change, or when Kyverno
// starts again, it loses it. Nobody can tell from the policy which of the two judges.
type eitherWay struct {
	*validating
	generated *validatingAdmission
}

// withGenerated puts what Kyverno may have made of a policy beside its units; nil: nothing.
func withGenerated(units, made []phased) []phased {
	for i, u := range units {
		webhook, ok := u.unit.(*validating)
		if ok && len(made) > 0 {
			units[i].unit = &eitherWay{webhook, made[0].unit.(*validatingAdmission)}
		}
	}
	return units
}

var madeByHistory = miss{
	reason:  "whether Kyverno has made a ValidatingAdmissionPolicy of the policy, which judges pods alone, depends on what has happened to it",
	resolve: "let autogen.podControllers.controllers of the policy be empty, or do not ask for a ValidatingAdmissionPolicy",
}

// isAPIServers has it asked whatever is kept from Kyverno.
func (u *eitherWay) isAPIServers() {}

// conditionsIn: what its webhook is asked about, it looks at itself.
func (u *eitherWay) conditionsIn(*environment) *webhookConditions { return nil }

func (u *eitherWay) sees(req *request) bool {
	return u.validating.sees(req) || u.generated.sees(req)
}

func (u *eitherWay) eval(ctx context.Context, req *request) answer {
	var made, kept answer
	if u.generated.sees(req) {
		made = u.generated.eval(ctx, req)
	}
	if u.validating.sees(req) && req.env.outOfScope(req) == "" {
		kept = u.called(ctx, req)
	}
	got := kept
	if len(kept.verdicts) == 0 {
		got = made
	}
	if !alike(made, kept) {
		v := got.verdicts[0]
		v.Message = ""
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{madeByHistory})}}
	}
	got.instead = made.deny
	return got
}

// called is the answer of Kyverno's webhook, where it is called.
func (u *eitherWay) called(ctx context.Context, req *request) answer {
	as := phased{phaseValidate, u.validating}
	if w := u.validating.conditionsIn(req.env); w != nil && req.env.mocks == nil {
		if got, uncalled := w.uncalled(ctx, req, as); uncalled {
			return req.scoped(as, got)
		}
	}
	return req.scoped(as, u.validating.eval(ctx, req))
}

// alike tells whether it makes no difference which of two answers is given: both refuse, or both
// find no fault.
func alike(a, b answer) bool {
	if a.refuses() || b.refuses() {
		return a.refuses() && b.refuses()
	}
	fine := func(v verdict.Verdict) bool { return v.Outcome == verdict.Pass || v.Outcome == verdict.Skip }
	faults := func(a answer) []verdict.Verdict { return slices.DeleteFunc(slices.Clone(a.verdicts), fine) }
	return len(a.warnings)+len(b.warnings) == 0 && slices.EqualFunc(faults(a), faults(b), func(v, w verdict.Verdict) bool {
		return v.Outcome == w.Outcome && v.Action == w.Action
	})
}
