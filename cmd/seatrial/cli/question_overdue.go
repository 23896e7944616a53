package cli

import (
	"fmt"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/drift"
	"github.com/seatrial/seatrial/simulator/policy"
)

// overdue is the note about exceptions of the candidate that should have ended before the clock of the
// replay. They are honoured: who deletes them is none of Kyverno's webhooks, and may have no right to.
func (q *question) overdue(candidate *policy.Set) []string {
	var titles []string
	for _, o := range candidate.Objects {
		if o.Kind != "PolicyException" || q.unaccepted[o.Title()] {
			continue
		}
		for _, content := range q.captured(o) {
			if by, since, is := drift.Overdue(content, q.at); is {
				titles = append(titles, fmt.Sprintf("%s (%s, %s)", o.Title(), by, since.Format(time.RFC3339)))
				break
			}
		}
	}
	if len(titles) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s by now, and honoured all the same: %s. Replay without what the clusters do not have any more",
		counted(len(titles), "exception should have been deleted", "exceptions should have been deleted"), few(titles))}
}

// captured are the forms in which clusters have an exception: they know when it was made. Where none
// has it, it is as written.
func (q *question) captured(exception policy.Object) (forms [][]byte) {
	kind := capture.ParseGVK(exception.APIVersion, exception.Kind)
	for _, cluster := range q.capture.Clusters {
		o, _ := q.capture.World(cluster.Name).Get(capture.GVR{Group: kind.Group, Resource: "policyexceptions"}, exception.Namespace, exception.Name)
		if o != nil {
			forms = append(forms, o.Object)
		}
	}
	if len(forms) == 0 {
		forms = append(forms, exception.JSON)
	}
	return forms
}
