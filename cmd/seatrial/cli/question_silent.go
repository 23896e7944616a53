package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// silent are the notes about policies of the candidate that are new, or changed, and that nothing in
// the capture asks: of those the answer says nothing.
func silent(changes []policy.Change, rejected []reports.Rejected, radius *blast.Radius) (notes []string) {
	refused := map[string]bool{}
	for _, r := range rejected {
		refused[r.Policy] = true
	}
	var unasked, background []string
	for _, c := range changes {
		ref := verdict.PolicyRef{Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}
		judges := strings.HasSuffix(c.Kind, "Policy") && (c.Change == policy.Added || c.Change == policy.Changed)
		switch {
		case !judges || radius.Asked[ref] || refused[ref.String()]:
		case isBackground(c.After):
			background = append(background, ref.String())
		default:
			unasked = append(unasked, ref.String())
		}
	}
	if len(background) > 0 {
		notes = append(notes, fmt.Sprintf("%s no requests, by the admission field: %s. What was said of requests before counts as resolved; --policy-reports foretells background scans",
			counted(len(background), "policy of the candidate judges", "policies of the candidate judge"), few(background)))
	}
	if len(unasked) == 0 || radius.Requests == 0 {
		return notes
	}
	note := fmt.Sprintf("no request of the capture is one that %s of the candidate judges, by their kinds, operations or exclusions, so this answer says nothing of what they do: %s",
		counted(len(unasked), "policy", "policies"), few(unasked))
	if radius.Deletions == 0 {
		note += ". Deletions, and changes beside what stands, are in audit logs alone"
	}
	return append(notes, note)
}

// isBackground tells of a policy that asks not to be asked about requests.
func isBackground(o *policy.Object) bool {
	var head struct {
		Spec struct {
			Admission  *bool
			Evaluation struct{ Admission struct{ Enabled *bool } }
		}
	}
	_ = json.Unmarshal(o.JSON, &head) // it was decoded before
	off := func(b *bool) bool { return b != nil && !*b }
	return off(head.Spec.Admission) || off(head.Spec.Evaluation.Admission.Enabled)
}
