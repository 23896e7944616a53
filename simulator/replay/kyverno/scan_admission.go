package kyverno

import (
	"context"
	"reflect"

	vap "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Kyverno reports what a ValidatingAdmissionPolicy says if a label asks for it. Those that it makes
// of its own policies do not have the label, and the policies that it made them of are not scanned.
const (
	labelReported = "reports.kyverno.io/enabled"
	labelHidden   = "reports.kyverno.io/disabled"
)

// admissionScan is a ValidatingAdmissionPolicy as the scan uses it: without a binding, or with one
// that is hidden, it counts as well; actions do not, nor audit annotations.
type admissionScan struct {
	*validatingAdmission
	scored bool
}

// newAdmissionScan are the units of the scan beside those of an admission policy.
func newAdmissionScan(object policy.Object, units []phased) (out []phased) {
	r := reportingOf(object.JSON)
	for _, u := range units {
		validates, ok := u.unit.(*validatingAdmission)
		if ok && r.Metadata.Labels[labelReported] == "true" {
			out = append(out, phased{phaseScan, &admissionScan{validates, r.scored()}})
		}
	}
	return out
}

// unlessMade is what the scan says of a policy that Kyverno may have made an admission policy of.
type unlessMade struct{ *validating }

func (u unlessMade) eval(ctx context.Context, req *request) (out answer) {
	for _, v := range u.validating.eval(ctx, req).verdicts {
		out.verdicts = append(out.verdicts, undecided(v, []miss{madeByHistory}))
	}
	return out
}

var oneBinding = miss{reason: "of several bindings whose results differ, a report shows one", resolve: "let one binding alone select the object"}

func (u *admissionScan) eval(ctx context.Context, req *request) answer {
	call, err := req.begin()
	if err != nil {
		return u.faulty(nil, nil, verdict.Validate, err)
	}
	if matched, err := call.matches(u.match); err != nil || !matched {
		return answer{}
	}
	var bindings []binding
	for _, b := range u.bindings {
		if !b.hidden {
			bindings = append(bindings, b)
		}
	}
	if len(bindings) == 0 {
		bindings = []binding{{}}
	}
	converted := req.misses.take()
	var found []verdict.Verdict
	for i := range bindings {
		req.misses.all = append(req.misses.all, converted...)
		if v, ok := u.under(ctx, call, &bindings[i]); ok {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		return answer{}
	}
	for _, v := range found[1:] {
		if !reflect.DeepEqual(v, found[0]) {
			return answer{verdicts: []verdict.Verdict{undecided(found[0], []miss{oneBinding})}}
		}
	}
	return answer{verdicts: found[:1]}
}

// under is what the policy says under one binding; false where that does not select the object, or
// its parameters are not there.
func (u *admissionScan) under(ctx context.Context, call *admissionCall, b *binding) (v verdict.Verdict, ok bool) {
	req := call.req
	v = verdict.Verdict{Policy: u.name, Rule: u.name.Name, Type: verdict.Validate}
	matched, err := call.binds(b)
	params, fault := u.params(req, b)
	if missed := req.misses.take(); len(missed) > 0 && (matched || err != nil) {
		return undecided(v, missed), true
	}
	if err != nil || fault != nil || !matched || len(params) == 0 {
		return v, false
	}
	result := u.validator.Validate(ctx, call.resource, call.attr, params[0], call.namespace, celconfig.RuntimeCELCostBudget, offlineAuthorizer{req})
	v.Outcome, v.Message = reported(result)
	return unscored(u.needs.settle(v, req, req.misses.take()), u.scored), true
}

// reported is the first of the decisions that finds a fault.
func reported(result vap.ValidateResult) (verdict.Outcome, string) {
	if reflect.DeepEqual(result, vap.ValidateResult{}) {
		return verdict.Skip, "match conditions aren't met"
	}
	for _, d := range result.Decisions {
		switch {
		case d.Evaluation == vap.EvalError:
			return verdict.Error, d.Message
		case d.Action == vap.ActionDeny:
			return verdict.Fail, d.Message
		}
	}
	return verdict.Pass, ""
}
