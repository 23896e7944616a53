package blast

import (
	"slices"
	"strconv"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// spent counts what the budget limits, exempt requests left out.
type spent struct {
	judged int
	denied, failing, undecided, errors,
	mutated tally
}

type tally struct {
	requests  int
	workloads map[workloadKey]bool
	clusters  map[string]bool
}

func newTally() tally { return tally{workloads: map[workloadKey]bool{}, clusters: map[string]bool{}} }

func newSpent() spent {
	return spent{denied: newTally(), failing: newTally(), undecided: newTally(), errors: newTally(), mutated: newTally()}
}

func (s *spent) add(m *Meter, rec *capture.Record, before, after *verdict.Judgement, changes []diff.Change) {
	if after.Decision == verdict.OutOfScope && before.Decision == verdict.OutOfScope {
		return
	}
	labels := m.cluster(rec.Cluster).Labels
	for _, e := range m.config.Budget.Exempt {
		if e.covers(labels, rec.Namespace) {
			return
		}
	}
	s.judged++
	has := map[diff.Class]bool{}
	for i := range changes {
		has[changes[i].Class] = true
	}
	key := keyOf(rec)
	s.denied.addIf(has[diff.NewlyDenied], key)
	s.failing.addIf(has[diff.NewlyFailing], key)
	s.mutated.addIf(has[diff.MutationChanged], key)
	s.errors.addIf(newErrors(changes), key)
	s.undecided.addIf(newlyUndecided(before, after, changes), key)
}

// newlyUndecided tells whether the decision is not known, and was, or rests on one more rule
// that is not decided: a policy that nobody can decide must not hide those that come to it.
func newlyUndecided(before, after *verdict.Judgement, changes []diff.Change) bool {
	if after.Decision != verdict.DecisionUndecided {
		return false
	}
	return before.Decision != verdict.DecisionUndecided || slices.ContainsFunc(changes, func(c diff.Change) bool {
		return c.Class == diff.Undecided && outcome(c.Before) != verdict.Undecided && mayDecide(c.After)
	})
}

// mayDecide tells whether to know a verdict could turn the decision.
func mayDecide(v *verdict.Verdict) bool {
	return v.Type == verdict.Mutate || v.Action == verdict.Enforce
}

// newErrors tells whether a rule fails to evaluate that did not before.
func newErrors(changes []diff.Change) bool {
	for i := range changes {
		if c := &changes[i]; c.Class == diff.Error && outcome(c.Before) != verdict.Error {
			return true
		}
	}
	return false
}

func (t *tally) addIf(yes bool, key workloadKey) {
	if yes {
		t.requests++
		t.workloads[key] = true
		t.clusters[key.cluster] = true
	}
}

// limits compares the tallies with the budget, in a fixed order.
func (s *spent) limits(b *Budget, r *Radius) []Limit {
	var out []Limit
	none := 0
	add := func(name string, l Limits, t tally, strict bool) {
		if strict && l.Requests == nil && l.Workloads == nil && l.Clusters == nil && l.Percent == nil {
			l.Requests = &none
		}
		for _, part := range []struct {
			unit  string
			limit *int
			found int
		}{{"requests", l.Requests, t.requests}, {"workloads", l.Workloads, len(t.workloads)}, {"clusters", l.Clusters, len(t.clusters)}} {
			if part.limit != nil {
				out = append(out, Limit{name + " " + part.unit, strconv.Itoa(*part.limit), strconv.Itoa(part.found), part.found > *part.limit})
			}
		}
		if l.Percent != nil {
			percent := 0.0
			if s.judged > 0 {
				percent = 100 * float64(t.requests) / float64(s.judged)
			}
			out = append(out, Limit{name + " share of requests", strconv.FormatFloat(*l.Percent, 'f', -1, 64) + "%",
				strconv.FormatFloat(percent, 'f', 2, 64) + "%", percent > *l.Percent})
		}
	}
	add("newly denied", b.NewlyDenied, s.denied, true)
	add("newly failing in audit", b.NewlyFailing, s.failing, false)
	add("undecided", b.Undecided, s.undecided, true)
	add("newly in error", b.Errors, s.errors, true)
	add("mutation changed", b.Mutations, s.mutated, false)
	return out
}
