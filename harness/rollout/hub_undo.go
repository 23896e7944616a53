package rollout

import (
	"context"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
)

// undoHub takes the way back of a stage on the hub: the run under way is stopped, a new run
// of the snapshot before goes through its stages in order (or the hub gets its old state),
// and each cluster is timed from the decision to its first admitted request.
func (r *rehearsal) undoHub(ctx context.Context, s *Stage, picked []*live, answers [][]traffic.Answer) error {
	b := s.Hub.Back
	start := time.Now()
	if err := r.decideBack(ctx, b); err != nil {
		b.Failure = message(err)
	}
	r.step(start, "", "hub: way back by "+b.Way, b.Failure)
	at := time.Duration(0)
	for _, stage := range b.steps() {
		if b.Failure != "" {
			break
		}
		if spec := r.plan.Hub.spec; spec.Compress > 0 {
			pause(ctx, time.Duration(float64(max(stage.At-at, 0))/spec.Compress))
		}
		at = stage.At
		if err := r.approveBack(ctx, stage); err != nil {
			b.Failure = message(err)
		}
		for _, name := range stage.Clusters {
			i := slices.IndexFunc(r.members, func(l *live) bool { return l.Name == name && l.dead == "" })
			if i < 0 {
				continue
			}
			l := r.members[i]
			var probe *capture.Record
			if j := slices.Index(picked, l); j >= 0 && answers[j] != nil {
				probe = l.newlyDenied(answers[j])
			}
			r.undoOne(ctx, s, l, start, probe)
		}
	}
	if b.Failure != "" {
		for _, l := range picked {
			r.line.Rollback = append(r.line.Rollback, timeline.Rollback{Way: b.Way, Cluster: l.Name, Stage: s.Name, Error: b.Failure})
		}
	}
	if run := b.run(); run != "" && b.Failure == "" {
		if err := r.hub.driver.Finish(ctx, run); err != nil {
			r.step(time.Now(), "", "run "+run, message(err))
		}
	}
	r.hub.runs = hub.PlannedRuns(b.Plan)
	if b.Failure == "" {
		r.hub.took = b.Plan
	}
	return ctx.Err()
}

// approveBack gives the approvals that a stage of the way back waits for: the strategy's
// tasks hold for this run too.
func (r *rehearsal) approveBack(ctx context.Context, s placement.Stage) error {
	for _, need := range s.Needs {
		e, err := approval(need, s.Run)
		if err != nil {
			return err
		}
		start := time.Now()
		err = r.patiently(ctx, func(ctx context.Context) error { return r.hub.driver.Event(ctx, e) })
		r.step(start, "", "hub: "+e.Text, message(err))
		if err != nil {
			return err
		}
	}
	return nil
}

// decideBack tells the hub.
func (r *rehearsal) decideBack(ctx context.Context, b *Back) error {
	for _, e := range b.Stop {
		if err := r.patiently(ctx, func(ctx context.Context) error { return r.hub.driver.Event(ctx, e) }); err != nil {
			return err
		}
	}
	return r.patiently(ctx, func(ctx context.Context) error { return r.hub.driver.Change(ctx, b.State) })
}

func (r *rehearsal) undoOne(ctx context.Context, s *Stage, l *live, start time.Time, probe *capture.Record) {
	b := s.Hub.Back
	back := timeline.Rollback{Way: b.Way, Cluster: l.Name, Stage: s.Name}
	for _, c := range r.carry(ctx, l, "way back from "+s.Name, b.held[l.Name], b.sets[l.Member]) {
		if c.Error != "" {
			back.Error = c.Error
		}
	}
	if probe != nil {
		back.Probe = request(probe)
		back.Requests, back.Error = l.untilAdmitted(ctx, probe, back.Error)
	} else {
		back.Note = "no request was denied that could show when it took effect"
	}
	back.Took = time.Since(start)
	r.step(start, l.Name, "rolled back by the hub", back.Error)
	r.look(ctx, l, "way back from "+s.Name, b.held[l.Name])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line.Rollback = append(r.line.Rollback, back)
}
