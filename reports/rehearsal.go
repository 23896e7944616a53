package reports

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/timeline"
)

// Predicted says whether the report answers a question about two policy sets. One that
// does not is of a rehearsal only.
func (r *Report) Predicted() bool {
	return r.Rehearsal == nil || r.Question.Candidate.Source != ""
}

// rehearsed is a copy of t whose lists are never null in JSON.
func rehearsed(t *timeline.Timeline) *timeline.Timeline {
	if t == nil {
		return nil
	}
	out := *t
	out.Clusters, out.Fleet, out.Steps = orEmpty(t.Clusters), orEmpty(t.Fleet), orEmpty(t.Steps)
	out.Stages = slices.Clone(orEmpty(t.Stages))
	for i := range out.Stages {
		s := &out.Stages[i]
		s.Clusters, s.Changes = orEmpty(s.Clusters), orEmpty(s.Changes)
	}
	return &out
}

// rehearsalStatus is what the outcome of a rehearsal makes of the prediction's status: one
// that was held or rolled back is no rollout, and after one that failed nothing is known.
func rehearsalStatus(predicted Status, t *timeline.Timeline) Status {
	switch {
	case t == nil:
		return predicted
	case t.Outcome == timeline.Failed:
		return Unanswered
	case slices.ContainsFunc(t.Expected, func(e timeline.Expected) bool { return !e.Holds }):
		return BudgetExceeded
	case slices.ContainsFunc(t.Expected, func(e timeline.Expected) bool { return e.Excuses }):
		return predicted
	case t.Outcome == timeline.Held || t.Outcome == timeline.RolledBack:
		return BudgetExceeded
	}
	return predicted
}

// rehearsalHeadline is the rehearsal in half a sentence: "rehearsed on 3 clusters: rolled
// back at stage enforce, 12 requests denied".
func rehearsalHeadline(t *timeline.Timeline) string {
	text := fmt.Sprintf("rehearsed on %s: %s", Count(len(t.Clusters), "cluster"), outcomeOf(t))
	denied := 0
	for i := range t.Stages {
		for _, traffic := range t.Stages[i].Traffic {
			denied += traffic.Denied
		}
	}
	if denied > 0 {
		text += ", " + Count(denied, "request") + " denied"
	}
	if n := len(t.Expected); n > 0 {
		held := 0
		for _, e := range t.Expected {
			if e.Holds {
				held++
			}
		}
		text += fmt.Sprintf(", %d of %s held", held, Count(n, "expectation"))
	}
	if n := t.Fidelity.Compared - t.Fidelity.Agreed; n > 0 {
		text += fmt.Sprintf(", %s unlike the prediction", Count(n, "answer"))
	}
	return text
}

// outcomeOf is the outcome, and the first stage that has it.
func outcomeOf(t *timeline.Timeline) string {
	if t.Outcome == timeline.Passed || t.Outcome == timeline.Skipped {
		return string(t.Outcome)
	}
	for i := range t.Stages {
		if t.Stages[i].Outcome == t.Outcome {
			return fmt.Sprintf("%s at stage %s", t.Outcome, t.Stages[i].Name)
		}
	}
	return string(t.Outcome)
}
