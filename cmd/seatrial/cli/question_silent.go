package cli

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// silent is the note about policies of the candidate that are new, or changed, and that nothing in
// the capture asks: of those the answer says nothing.
func silent(changes []policy.Change, rejected []reports.Rejected, radius *blast.Radius) []string {
	refused := map[string]bool{}
	for _, r := range rejected {
		refused[r.Policy] = true
	}
	var titles []string
	for _, c := range changes {
		ref := verdict.PolicyRef{Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}
		judges := strings.HasSuffix(c.Kind, "Policy") && (c.Change == policy.Added || c.Change == policy.Changed)
		if title := ref.String(); judges && !radius.Asked[ref] && !refused[title] {
			titles = append(titles, title)
		}
	}
	if len(titles) == 0 || radius.Requests == 0 {
		return nil
	}
	note := fmt.Sprintf("nothing in the capture asks %s of the candidate, of which the answer therefore says nothing: %s", counted(len(titles), "policy", "policies"), few(titles))
	if radius.Deletions == 0 {
		note += "; it holds no deletions, and no changes but of what stands, as audit logs do"
	}
	return []string{note}
}
