package rollout

import (
	"context"
	"fmt"
	"iter"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// An outlook is how many of a member's objects a set would newly deny, by the set's side. It is the replay's
// own answer, which the rehearsal's report has too: in the world as it was captured, of what stands as an
// update to itself as well, and of the pods of templates. Predictions are of what is sent to the clusters.
type outlook map[string]int

// foresee replays the members' records under the sets that gates ask about.
func (p *Plan) foresee(ctx context.Context, opt kyverno.Options, workers int) (map[*Member]outlook, error) {
	compiler := kyverno.NewCompiler(opt)
	out := map[*Member]outlook{}
	asked := p.asked()
	for _, m := range p.Members {
		sets := asked[m]
		if len(sets) == 0 {
			continue
		}
		var programs []*kyverno.Program
		var before *kyverno.Program
		for _, set := range append([]*policy.Set{m.Sets[0]}, sets...) {
			program, err := compiler.CompileOver(ctx, set, m.Captured, before)
			if err != nil {
				return nil, fmt.Errorf("compile the policies of %s: %w", m.Name, err)
			}
			programs, before = append(programs, program), program
		}
		engine, err := compiler.Engine(m.Captured, As, programs...)
		if err != nil {
			return nil, err
		}
		count := newly{n: make([]int, len(sets)), counted: make([]bool, len(sets)), ended: make(replay.Ended, len(sets)+1)}
		find := func(string) (replay.Engine, error) { return engine, nil }
		if err := replay.Run(ctx, replay.Expand(m.records), find, workers, count.add); err != nil {
			return nil, fmt.Errorf("replay %s: %w", m.Name, err)
		}
		out[m] = outlook{}
		for i, set := range sets {
			out[m][sideOf(set)] = count.n[i]
		}
	}
	return out, nil
}

// asked are the sets that gates ask about, each once for a member.
func (p *Plan) asked() map[*Member][]*policy.Set {
	out, seen := map[*Member][]*policy.Set{}, map[*Member]map[string]bool{}
	for _, s := range p.Stages {
		if s.Gate.PredictedDenied == nil {
			continue
		}
		next := p.after(s)
		for _, m := range next.Picked {
			set := next.leaves(m)
			if seen[m] == nil {
				seen[m] = map[string]bool{}
			}
			if !seen[m][sideOf(set)] {
				seen[m][sideOf(set)] = true
				out[m] = append(out[m], set)
			}
		}
	}
	return out
}

// after is the stage that a gate looks ahead to: the next, or its own when it is the last.
func (p *Plan) after(s *Stage) *Stage { return p.Stages[min(s.Index+1, len(p.Stages)-1)] }

// leaves is the set that a stage leaves in force in a member, with what its candidate brings.
func (s *Stage) leaves(m *Member) *policy.Set {
	set := *m.Sets[s.Index+1]
	if len(set.Others) == 0 {
		set.Others = s.Others
	}
	return &set
}

// records are the member's traffic.
func (m *Member) records() iter.Seq2[*capture.Record, error] {
	return func(yield func(*capture.Record, error) bool) {
		for _, rec := range m.Records {
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// updates is how many of the member's records stand, and are judged as updates to themselves as well.
func (m *Member) updates() (n int) {
	for _, rec := range m.Records {
		if replay.Stands(rec) {
			n++
		}
	}
	return n
}

// newly counts the objects that sides newly deny. An object counts once, with the update before its record
// and the pod after it.
type newly struct {
	n       []int  // by side
	counted []bool // of the object at hand
	ended   replay.Ended
	updated bool // its update came, its record is next
}

func (c *newly) add(a replay.Answer) error {
	if a.Record.TemplateOf == nil && !c.updated {
		clear(c.counted)
	}
	c.updated = a.Record.Again
	denied := func(side int) bool { return a.Sides[side].Decision == verdict.Denied }
	made := a.Record.TemplateOf != nil
	for i := range a.Sides[1:] {
		before := denied(0) && !(made && c.ended[0])
		if denied(i+1) && !before && !c.counted[i] && !(made && c.ended[i+1]) {
			c.n[i], c.counted[i] = c.n[i]+1, true
		}
	}
	c.ended.Follow(a)
	return nil
}
