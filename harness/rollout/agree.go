package rollout

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const unjudged = traffic.Unjudged

func kindOf(admitted bool) traffic.Kind {
	if admitted {
		return traffic.Admitted
	}
	return traffic.Denied
}

// compare sets live answers beside the predictions under a set.
func (r *rehearsal) compare(l *live, stage string, set *policy.Set, answers []traffic.Answer) (misses int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &r.line.Fidelity
	gone := newTally()
	for _, x := range f.Unjudged {
		gone.counts[x.Reason] = &x
	}
	for i, a := range answers {
		rec := l.Records[i]
		var told foretold
		if set != nil {
			told = r.predicted[l.Member].of(rec, set)
		}
		if told.refusal(a) {
			a.Kind = traffic.Denied
		}
		switch {
		case set == nil:
			gone.add("the member holds a mixture of versions, which nobody has predicted", l.Name+" "+request(rec))
		case a.Kind != traffic.Admitted && a.Kind != traffic.Denied:
			gone.add(cmp.Or(a.Reason, string(a.Kind)), l.Name+" "+request(rec))
		case told.decision == verdict.DecisionUndecided || told.decision == verdict.DecisionError:
			f.Undecided++
		case told.admitted() == (a.Kind == traffic.Admitted):
			f.Compared, f.Agreed = f.Compared+1, f.Agreed+1
		default:
			f.Compared++
			misses++
			f.Misses = append(f.Misses, timeline.Miss{Stage: stage, Cluster: l.Name, Request: request(rec),
				Predicted: string(told.decision), Live: string(a.Kind), Why: strings.TrimSpace(told.message + "\n" + a.Message)})
		}
	}
	f.Unjudged = gone.list()
	slices.SortStableFunc(f.Misses, func(a, b timeline.Miss) int {
		return cmp.Or(cmp.Compare(r.stageIndex(a.Stage), r.stageIndex(b.Stage)), cmp.Compare(r.memberIndex(a.Cluster), r.memberIndex(b.Cluster)))
	})
	return misses
}

func (r *rehearsal) stageIndex(name string) int {
	return slices.IndexFunc(r.plan.Stages, func(s *Stage) bool { return s.Name == name })
}

func (r *rehearsal) memberIndex(name string) int {
	return slices.IndexFunc(r.plan.Members, func(m *Member) bool { return m.Name == name })
}

func request(rec *capture.Record) string {
	kind := rec.Kind.Kind
	if rec.SubResource != "" {
		kind += "/" + rec.SubResource
	}
	return string(rec.Operation) + " " + title(kind, rec.Namespace, rec.Name)
}
