package reports

import (
	"cmp"
	"slices"

	"github.com/seatrial/seatrial/harness/timeline"
)

// A Way is one way back over all clusters.
type Way struct {
	Name     string              `json:"name"` // as a scenario writes it
	Words    string              `json:"words"`
	Worked   int                 `json:"worked"` // of Each
	P50      timeline.Span       `json:"p50"`    // of those that worked
	Max      timeline.Span       `json:"max"`
	Requests int                 `json:"requests"` // still denied meanwhile
	Each     []timeline.Rollback `json:"each"`     // in the timeline's order
	Notes    []string            `json:"notes"`    // what it costs, each once
}

// wayWords are the ways back as people call them.
var wayWords = map[string]string{
	"audit":     "patch to Audit",
	"delete":    "delete the policy",
	"previous":  "previous version",
	"exception": "add an exception",
	"failOpen":  "fail open, Kyverno off",
}

// waysOf ranks the ways by the time to the first admitted request; one that did not work
// everywhere comes after those that did.
func waysOf(t *timeline.Timeline) []Way {
	out := []Way{}
	for _, one := range t.Rollback {
		at := slices.IndexFunc(out, func(w Way) bool { return w.Name == one.Way })
		if at < 0 {
			at = len(out)
			words, ok := wayWords[one.Way]
			if !ok {
				words = one.Way
			}
			out = append(out, Way{Name: one.Way, Words: words, Notes: []string{}})
		}
		out[at].take(one)
	}
	for i := range out {
		out[i].rank()
	}
	slices.SortStableFunc(out, func(a, b Way) int {
		return cmp.Or(a.broken()-b.broken(), cmp.Compare(a.P50, b.P50), cmp.Compare(a.Max, b.Max), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (w *Way) take(one timeline.Rollback) {
	w.Each = append(w.Each, one)
	w.Requests += one.Requests
	if one.Note != "" && !slices.Contains(w.Notes, one.Note) {
		w.Notes = append(w.Notes, one.Note)
	}
}

func (w *Way) rank() {
	var spans []timeline.Span
	for _, one := range w.Each {
		if one.Error == "" {
			spans = append(spans, one.Took)
		}
	}
	if w.Worked = len(spans); w.Worked == 0 {
		return
	}
	slices.Sort(spans)
	w.P50, w.Max = spans[(len(spans)-1)/2], spans[len(spans)-1]
}

// broken is 0 for a way that always worked, 1 for one that did somewhere, 2 for none.
func (w *Way) broken() int {
	switch w.Worked {
	case len(w.Each):
		return 0
	case 0:
		return 2
	}
	return 1
}
