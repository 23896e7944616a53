package kyverno

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// reporting is what decides whether and how reports show a policy.
type reporting struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Evaluation struct {
			Admission, Background struct {
				Enabled *bool `json:"enabled"`
			}
		} `json:"evaluation"`
	} `json:"spec"`
}

func reportingOf(content []byte) (r reporting) {
	_ = json.Unmarshal(content, &r) // it was decoded before
	return r
}

func (r *reporting) admits() bool {
	on := r.Spec.Evaluation.Admission.Enabled
	return on == nil || *on
}

func (r *reporting) scans() bool {
	on := r.Spec.Evaluation.Background.Enabled
	return (on == nil || *on) && !r.hidden()
}

// hidden tells whether reports leave the object out.
func (r *reporting) hidden() bool {
	_, hidden := r.Metadata.Labels[labelHidden]
	return hidden
}

// scored tells whether a failure counts; otherwise it is shown as a warning.
func (r *reporting) scored() bool {
	return r.Metadata.Annotations["policies.kyverno.io/scored"] != "false"
}

// scanned is a unit of admission as the scan uses it.
type scanned struct {
	unit
	scored bool
}

func (u scanned) sees(req *request) bool {
	pre, ok := u.unit.(seer)
	return !ok || pre.sees(req)
}

func (u scanned) eval(ctx context.Context, req *request) answer {
	got := u.unit.eval(ctx, req)
	var out answer
	for _, v := range got.verdicts {
		if v.Outcome == verdict.Skip && v.Message == matchConditionsNotMet && v.Type == verdict.Validate {
			continue // not asked
		}
		v.Rule = cmp.Or(v.Rule, ruleInReports(v))
		if v.Type == verdict.Mutate && v.Outcome == verdict.Pass && got.object != nil && len(v.Exceptions) == 0 {
			v.Rule, v.Outcome, v.Message = "", verdict.Fail, "mutation is not applied"
		}
		if v.Outcome == verdict.Warn && v.Action == verdict.ActionWarn {
			v.Outcome = verdict.Fail // that it warns is what the policy does on admission
		}
		if v.Outcome == verdict.Pass && v.Message == "" {
			v.Message = "success"
		}
		if v.Outcome == verdict.Skip && v.Message == matchConditionsNotMet {
			v.Message = "skip"
		}
		out.verdicts = append(out.verdicts, unscored(v, u.scored))
	}
	return out
}

// ruleInReports is the rule that Kyverno names for policies that have no rules.
func ruleInReports(v verdict.Verdict) string {
	switch {
	case len(v.Exceptions) > 0:
		return "exception"
	case v.Outcome == verdict.Error && (v.Type == verdict.Mutate || v.Type == verdict.VerifyImages && strings.HasPrefix(v.Message, "failed to ")):
		return "evaluation"
	case v.Type == verdict.VerifyImages:
		return v.Policy.Name
	}
	return ""
}

// unscored is a result as reports show it: without what the policy does on admission.
func unscored(v verdict.Verdict, scored bool) verdict.Verdict {
	v.Action = ""
	if v.Outcome == verdict.Fail && !scored {
		v.Outcome = verdict.Warn
	}
	return v
}

// withScans adds to the units of a policy of policies.kyverno.io those of the scan, and leaves out
// those of admission where the policy is not for it. Units of the scan alone are given as they
// would be on admission.
func (c *Compiler) withScans(object policy.Object, units []phased) (out []phased) {
	r := reportingOf(object.JSON)
	if r.admits() || c.opt.EveryPolicy {
		out = slices.DeleteFunc(slices.Clone(units), func(u phased) bool { return u.phase == phaseScan })
	}
	if !r.scans() {
		return out
	}
	for _, u := range units {
		switch made := u.unit.(type) {
		case *eitherWay:
			out = append(out, phased{phaseScan, scanned{unlessMade{made.validating}, r.scored()}})
		case *validating, *imageValidating, *mutating:
			out = append(out, phased{phaseScan, scanned{u.unit, r.scored()}})
		}
	}
	return out
}
