package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
)

// unreached is a stage as it stands in the timeline before its turn.
func (r *rehearsal) unreached(s *Stage) timeline.Stage {
	out := timeline.Stage{Name: s.Name, Index: s.Index, Mode: s.Mode, Scope: s.Namespaces, Outcome: timeline.Skipped}
	if s.Hub != nil {
		out.Placement, out.Run = s.Hub.Plan.Placement, s.Hub.Plan.Run
	}
	for _, m := range s.Picked {
		out.Clusters = append(out.Clusters, m.Name)
		for _, c := range s.Changes[m.Name] {
			c.Change.Effective = -1
			out.Changes = append(out.Changes, c.Change)
		}
	}
	out.Note = strings.Join(unique(s.Notes), "; ")
	return out
}

// unique keeps the first of each.
func unique(notes []string) []string {
	var out []string
	for _, n := range notes {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// walk carries one stage out and says whether the rollout goes on.
func (r *rehearsal) walk(ctx context.Context, s *Stage, out *timeline.Stage) (goOn bool, err error) {
	r.stage = s.Name
	start := time.Now()
	out.Start = start.Sub(r.start)
	if s.Hub != nil {
		if err := r.enter(ctx, s); err != nil {
			if ctx.Err() != nil {
				return false, err
			}
			out.Outcome, out.Note, out.Took = timeline.Held, strings.TrimPrefix(out.Note+"; the hub: "+message(err), "; "), time.Since(start)
			return false, r.leave(ctx, s, false)
		}
	}
	picked := r.picked(s)
	if err := r.settle(ctx, s, picked); err != nil {
		return false, err
	}
	slots := make([][]timeline.Change, len(picked))
	err = r.each(ctx, picked, func(ctx context.Context, l *live) error {
		i := slices.Index(picked, l)
		if s.Hub != nil {
			slots[i] = r.carry(ctx, l, s.Name, s.Hub.held[l.Name], l.Sets[s.Index+1])
			r.look(ctx, l, s.Name, s.Hub.held[l.Name])
			return nil
		}
		slots[i] = r.install(ctx, l, l.Sets[s.Index], l.Sets[s.Index+1], s.Changes[l.Name])
		return nil
	})
	if err != nil {
		return false, err
	}
	out.Changes = slices.Concat(slots...)
	soaked := time.Now().Add(time.Duration(s.Soak))
	answers := make([][]traffic.Answer, len(picked))
	took := make([]time.Duration, len(picked))
	err = r.each(ctx, picked, func(ctx context.Context, l *live) error {
		if r.silent(l) {
			r.step(time.Now(), l.Name, "no requests sent: its API server is stopped", "")
			return nil
		}
		i := slices.Index(picked, l)
		begin := time.Now()
		answers[i] = l.sender.Replay(ctx, l.Records, r.trafficOf(s))
		took[i] = time.Since(begin)
		r.step(begin, l.Name, fmt.Sprintf("%d requests sent", len(answers[i])), "")
		return lost(answers[i])
	})
	if err != nil {
		return false, err
	}
	if len(s.Actions) > 0 {
		if err := r.act(ctx, s); err != nil {
			return false, err
		}
		soaked = time.Now().Add(time.Duration(s.Soak)) // controllers get that long to follow
	}
	if wait := time.Until(soaked); wait > 0 {
		begin := time.Now()
		pause(ctx, wait)
		r.step(begin, "", "soaked", "")
	}
	misses := 0
	for i, l := range picked {
		if answers[i] == nil {
			continue
		}
		misses += r.compare(l, s.Name, r.inForce(l, s), answers[i])
		out.Traffic = append(out.Traffic, l.summary(answers[i], took[i]))
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	begin := time.Now()
	out.Gate = r.gate(ctx, s, picked, out, answers, misses)
	out.Outcome = r.decide(s, picked, out)
	r.step(begin, "", "gate: "+string(out.Outcome), "")
	if out.Outcome == timeline.RolledBack {
		undo := r.undo
		if s.Hub != nil {
			undo = r.undoHub
		}
		err = undo(ctx, s, picked, answers)
	}
	if s.Hub != nil && err == nil {
		err = r.leave(ctx, s, out.Outcome == timeline.Passed)
	}
	if err == nil {
		err = r.uncordon(ctx)
	}
	if err == nil && out.Outcome == timeline.RolledBack {
		err = r.recovered(ctx)
	}
	out.Took = time.Since(start)
	return out.Outcome == timeline.Passed, err
}

func (r *rehearsal) picked(s *Stage) []*live {
	var out []*live
	for _, l := range r.members {
		if slices.Contains(s.Picked, l.Member) && l.dead == "" {
			out = append(out, l)
		}
	}
	return out
}

// decide turns the checks into the stage's outcome. A lost cluster fails the stage: what
// it would have answered is not known.
func (r *rehearsal) decide(s *Stage, picked []*live, out *timeline.Stage) timeline.Outcome {
	if len(picked) < len(s.Picked) || slices.ContainsFunc(picked, func(l *live) bool { return l.dead != "" }) {
		return timeline.Failed
	}
	for _, c := range out.Gate {
		if c.Outcome != timeline.Passed {
			return c.Outcome
		}
	}
	return timeline.Passed
}

// summary counts the answers of one cluster.
func (l *live) summary(answers []traffic.Answer, took time.Duration) timeline.Traffic {
	t := timeline.Traffic{Cluster: l.Name, Sent: len(answers), Latency: latency(answers), Without: latency(l.before)}
	gone := newTally()
	denials := map[string]*timeline.Denial{}
	for i, a := range answers {
		rec := l.Records[i]
		if len(a.Warnings) > 0 {
			t.Warned++
		}
		switch a.Kind {
		case traffic.Admitted:
			t.Admitted++
		case traffic.Denied:
			t.Denied++
			for _, p := range a.Policies {
				if denials[p] == nil {
					denials[p] = &timeline.Denial{Policy: p, Sample: title(rec.Kind.Kind, rec.Namespace, rec.Name), Message: a.Message}
				}
				denials[p].Count++
			}
		case traffic.Unjudged:
			gone.add(a.Reason, request(rec))
		default:
			t.Errors++
		}
	}
	t.Unjudged = gone.list()
	for _, d := range denials {
		t.Denials = append(t.Denials, *d)
	}
	slices.SortFunc(t.Denials, func(a, b timeline.Denial) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Policy, b.Policy))
	})
	if took > 0 {
		t.Rate = float64(len(answers)) / took.Seconds()
	}
	return t
}

func latency(answers []traffic.Answer) timeline.Latency {
	return timeline.Latency{
		P50: traffic.Percentile(answers, 50), P95: traffic.Percentile(answers, 95), P99: traffic.Percentile(answers, 99),
	}
}

// undo gives the stage's clusters back what they had and times it to the first admitted request.
func (r *rehearsal) undo(ctx context.Context, s *Stage, picked []*live, answers [][]traffic.Answer) error {
	slots := make([]*timeline.Rollback, len(picked))
	err := r.each(ctx, picked, func(ctx context.Context, l *live) error {
		i := slices.Index(picked, l)
		back := timeline.Rollback{Way: "previous", Cluster: l.Name, Stage: s.Name}
		start := time.Now()
		probe := l.newlyDenied(answers[i])
		for _, c := range reverse(s.Changes[l.Name]) {
			if err := l.client.apply(ctx, &c); err != nil {
				back.Error = firstLine(err.Error())
			}
		}
		if probe != nil {
			back.Probe = request(probe)
			back.Requests, back.Error = l.untilAdmitted(ctx, probe, back.Error)
		}
		back.Took = time.Since(start)
		if probe == nil {
			back.Note = "no request was denied that could show when it took effect"
		}
		r.step(start, l.Name, "rolled back to the previous policies", back.Error)
		if back.Error == "" {
			back.Error = l.answersBy(ctx, r.predicted[l.Member].flips(l.Records, l.Sets[s.Index+1], l.Sets[s.Index]), r.predicted[l.Member], l.Sets[s.Index])
		}
		slots[i] = &back
		return nil
	})
	for _, b := range slots {
		if b != nil {
			r.line.Rollback = append(r.line.Rollback, *b)
		}
	}
	return err
}

// reverse is the changes that undo these, last first.
func reverse(changes []change) []change {
	out := make([]change, 0, len(changes))
	for _, c := range slices.Backward(changes) {
		out = append(out, change{Change: timeline.Change{Cluster: c.Cluster, Policy: c.Policy}, object: c.before, before: c.object})
	}
	return out
}
