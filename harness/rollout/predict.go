package rollout

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// A prediction is what the offline replay says of every record of a member, under
// every policy set that the member ever has.
type prediction struct {
	sides   map[string]int // by the set's side
	answers map[*capture.Record][]foretold
}

// foretold is what the replay says of one record under one set.
type foretold struct {
	decision verdict.Decision
	message  string // of the rules that decide, and why when undecided
	failing  int    // results that would be reported as audit failures
}

// As is who sends requests that do not say who sent them: the fleet's administrator,
// offline and live.
var As = capture.User{Username: "seatrial-admin", Groups: []string{"system:masters", "system:authenticated"}}

// predict judges every record of every member, each once, as it is sent to what is there.
func (p *Plan) predict(ctx context.Context, opt kyverno.Options, workers int, there map[*Member]standing) (map[*Member]*prediction, error) {
	compiler := kyverno.NewCompiler(opt)
	out := map[*Member]*prediction{}
	for _, m := range p.Members {
		pr := newPrediction()
		var programs []*kyverno.Program
		var before *kyverno.Program
		for _, set := range append(p.setsOf(m), m.Worst) {
			if at, ok := pr.sides[sideOf(set)]; ok {
				before = programs[at]
				continue
			}
			pr.sides[sideOf(set)] = len(programs)
			program, err := compiler.CompileOver(ctx, set, m.World, before)
			if err != nil {
				return nil, fmt.Errorf("compile the policies of %s: %w", m.Name, err)
			}
			programs, before = append(programs, program), program
		}
		engine, err := compiler.Engine(m.World, As, programs...)
		if err != nil {
			return nil, err
		}
		if err := pr.judge(ctx, engine, m.Records, workers, there[m]); err != nil {
			return nil, fmt.Errorf("predict %s: %w", m.Name, err)
		}
		out[m] = pr
	}
	return out, nil
}

func newPrediction() *prediction {
	return &prediction{sides: map[string]int{}, answers: map[*capture.Record][]foretold{}}
}

// add adds what is foretold under a set, once.
func (pr *prediction) add(set *policy.Set, records []*capture.Record, judged []verdict.Judgement) {
	if _, ok := pr.sides[sideOf(set)]; ok {
		return
	}
	pr.sides[sideOf(set)] = len(pr.sides)
	for i, rec := range records {
		pr.answers[rec] = append(pr.answers[rec], foretell(judged[i]))
	}
}

func (pr *prediction) judge(ctx context.Context, engine *kyverno.Engine, records []*capture.Record, workers int, there standing) error {
	slots := make([][]foretold, len(records))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(workers, 1))
	for i, rec := range records {
		group.Go(func() error {
			as := rec
			if there != nil {
				as = there.sent(rec)
			}
			sides, err := engine.Judge(within, as)
			if err != nil {
				return fmt.Errorf("record %d: %w", rec.Seq, err)
			}
			for _, j := range sides {
				slots[i] = append(slots[i], foretell(j))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, rec := range records {
		pr.answers[rec] = slots[i]
	}
	return nil
}

func foretell(j verdict.Judgement) foretold {
	f := foretold{decision: j.Decision}
	var lines []string
	for _, v := range j.Verdicts {
		audit := v.Action == "Audit"
		if v.Outcome == verdict.Fail && audit {
			f.failing++
		}
		switch {
		case v.Outcome == verdict.Fail && !audit, v.Outcome == verdict.Error:
			lines = append(lines, strings.TrimSpace(v.Policy.Name+" "+v.Rule)+": "+v.Message)
		case v.Outcome == verdict.Undecided:
			lines = append(lines, strings.TrimSpace(v.Policy.Name+" "+v.Rule)+": "+v.Reason)
		}
	}
	f.message = strings.Join(lines, "; ")
	return f
}

// of is what is foretold of a record under a set.
func (pr *prediction) of(rec *capture.Record, set *policy.Set) foretold {
	return pr.answers[rec][pr.sides[sideOf(set)]]
}

// sideOf tells sets apart by everything that decides: what comes with policies too.
func sideOf(set *policy.Set) string {
	side := set.Digest
	for _, o := range set.Others {
		side += " " + o.Digest
	}
	return side
}

// admitted says whether the API server would take the request: out of scope is admitted.
func (f foretold) admitted() bool {
	return f.decision == verdict.Allowed || f.decision == verdict.OutOfScope
}

// refusal tells whether an answer is the API server's own refusal of what policies made of the
// object, in the words that are foretold.
func (f foretold) refusal(a traffic.Answer) bool {
	return f.decision == verdict.Denied && a.Kind == traffic.Unjudged && a.Message != "" && strings.Contains(words(f.message), words(a.Message))
}

// failing counts audit failures under a set that there were not under the other.
func (pr *prediction) failing(records []*capture.Record, before, after *policy.Set) (n int) {
	for _, r := range records {
		n += max(0, pr.of(r, after).failing-pr.of(r, before).failing)
	}
	return n
}

// flips are records that tell two sets apart by their decisions, one for each kind of
// resource and direction, so that all webhooks are seen to have changed.
func (pr *prediction) flips(records []*capture.Record, before, after *policy.Set) []*capture.Record {
	type kind struct {
		resource capture.GVR
		op       capture.Operation
		denied   bool
	}
	seen := map[kind]bool{}
	var out []*capture.Record
	for _, r := range records {
		if traffic.CreatesOwn(r) {
			continue // no cluster answers it
		}
		a, b := pr.of(r, before), pr.of(r, after)
		if a.admitted() == b.admitted() || !a.admitted() && a.decision != verdict.Denied || !b.admitted() && b.decision != verdict.Denied {
			continue
		}
		k := kind{r.Resource, r.Operation, b.decision == verdict.Denied}
		if !seen[k] {
			seen[k] = true
			out = append(out, r)
		}
	}
	return out
}
