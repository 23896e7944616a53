package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// warned tells whether the user sees a warning of a rule. Warnings name who warns, each kind of
// policy in its own words.
func warned(j *verdict.Judgement, v *verdict.Verdict) bool {
	if v == nil {
		return false
	}
	starts := []string{fmt.Sprintf("policy %s.%s: ", v.Policy.Name, v.Rule)}
	if v.Rule == "" {
		starts = []string{fmt.Sprintf("Policy %s failed: ", v.Policy.Name), fmt.Sprintf("Policy %s error: ", v.Policy.Name)}
	}
	if strings.HasSuffix(v.Policy.Kind, "AdmissionPolicy") {
		starts = []string{fmt.Sprintf("Validation failed for %s '%s' with binding '%s': ", v.Policy.Kind, v.Policy.Name, v.Rule)}
	}
	return slices.ContainsFunc(j.Warnings, func(warning string) bool {
		return slices.ContainsFunc(starts, func(start string) bool { return strings.HasPrefix(warning, start) })
	})
}
