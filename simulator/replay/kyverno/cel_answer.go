package kyverno

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	reportutils "github.com/kyverno/kyverno/pkg/utils/report"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// add adds a verdict of a policy that validates, with what its actions make of it: Deny
// refuses the request on failures and on errors, whatever the failure policy says.
func (a *answer) add(actions []admissionregistrationv1.ValidationAction, v verdict.Verdict) {
	text := ""
	switch v.Outcome {
	case verdict.Fail:
		text = fmt.Sprintf("Policy %s failed: %s", v.Policy.Name, v.Message)
	case verdict.Error:
		text = fmt.Sprintf("Policy %s error: %s", v.Policy.Name, v.Message)
	}
	warns := slices.Contains(actions, admissionregistrationv1.Warn)
	if warns && text != "" {
		a.warnings = append(a.warnings, text)
	}
	switch {
	case slices.Contains(actions, admissionregistrationv1.Deny):
		v.Action = verdict.Enforce
		if text != "" {
			a.refuse(text)
		}
	case warns:
		v.Action = verdict.ActionWarn
		if v.Outcome == verdict.Fail {
			v.Outcome = verdict.Warn
		}
	default:
		v.Action = verdict.Audit
	}
	a.verdicts = append(a.verdicts, v)
}

// refuse adds to what the user is told.
func (a *answer) refuse(text string) {
	if a.deny != "" {
		text = a.deny + "; " + text
	}
	a.deny = text
}

// excepted fills v for exceptions that applied: the one with the highest priority says
// whether that is a skip or a pass.
func excepted(v verdict.Verdict, applied []*policiesv1beta1.PolicyException) verdict.Verdict {
	best, chosen := 0, 0
	var keys []string
	for i, e := range applied {
		keys = append(keys, strings.TrimPrefix(e.Namespace+"/"+e.Name, "/"))
		if n, err := strconv.Atoi(e.Labels[reportutils.LabelPolicyExceptionPriority]); err == nil && n > best {
			best, chosen = n, i
		}
	}
	v.Outcome, v.Message = verdict.Skip, "rule is skipped due to policy exception: "+strings.Join(keys, ", ")
	if applied[chosen].Spec.ReportResult == "pass" {
		v.Outcome, v.Message = verdict.Pass, "rule is passed due to policy exception: "+strings.Join(keys, ", ")
	}
	slices.Sort(keys)
	v.Exceptions = slices.Compact(keys)
	return v
}
