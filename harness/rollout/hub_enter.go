package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// enter does what comes before a stage: the wait, faults, approvals that the gate before
// has earned, and for the first stage the change of the hub itself.
func (r *rehearsal) enter(ctx context.Context, s *Stage) error {
	if s.Hub.Wait > 0 {
		start := time.Now()
		pause(ctx, s.Hub.Wait)
		r.step(start, "", fmt.Sprintf("waited, as the plan does for %s", s.Hub.Plan.At), "")
	}
	if err := r.hub.board.At(ctx, true, s.Hub.Names...); err != nil {
		return err
	}
	if s.Index == 0 {
		start := time.Now()
		if err := r.patiently(ctx, func(ctx context.Context) error { return r.hub.driver.Change(ctx, r.plan.Hub.state) }); err != nil {
			return err
		}
		r.step(start, "", "the hub has its new state", "")
	}
	for _, h := range s.Hub.Happens {
		start := time.Now()
		err := r.patiently(ctx, func(ctx context.Context) error { return r.cause(ctx, h) })
		r.step(start, "", "hub: "+h.Text, message(err))
		if err != nil {
			return err
		}
		if h.Fault != nil && h.Timed {
			r.hub.board.Note(h.Fault.Index)
		}
	}
	return nil
}

func (r *rehearsal) cause(ctx context.Context, h Happening) error {
	if h.Apply != nil {
		return r.hub.driver.Change(ctx, added(r.plan.Hub.state, h.Apply))
	}
	return r.hub.driver.Event(ctx, h.Event)
}

// patiently does something to a hub that may not answer for a while.
func (r *rehearsal) patiently(ctx context.Context, do func(context.Context) error) error {
	deadline := time.Now().Add(r.patience())
	for {
		err := do(ctx)
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		pause(ctx, 250*time.Millisecond)
	}
}

// catchUp brings members that something kept from a stage to where the rollout is.
func (r *rehearsal) catchUp(ctx context.Context, s *Stage) error {
	return r.each(ctx, r.members, func(ctx context.Context, l *live) error {
		if r.cutOff(l) {
			return nil
		}
		for _, c := range r.carry(ctx, l, s.Name, s.Hub.held[l.Name], l.Sets[s.Index+1]) {
			if c.Error != "" {
				r.step(time.Now(), l.Name, "did not catch up", c.Error)
			}
		}
		return nil
	})
}

// leave does what comes after a stage's gate: faults that last until it end, others begin.
func (r *rehearsal) leave(ctx context.Context, s *Stage, passed bool) error {
	r.hub.reached = s.Index + 1
	if r.hub.runs == nil && r.behind(s) {
		r.hub.stuck = s.Hub.Plan.Run
	}
	if err := r.hub.board.After(ctx, s.Hub.Names...); err != nil {
		return err
	}
	if !passed {
		return nil
	}
	if err := r.catchUp(ctx, s); err != nil {
		return err
	}
	if r.lastOf(s) {
		start := time.Now()
		err := r.hub.driver.Finish(ctx, s.Hub.Plan.Run)
		if err != nil {
			r.step(start, "", "run "+s.Hub.Plan.Run, message(err))
		}
	}
	return r.hub.board.At(ctx, false, s.Hub.Names...)
}

// behind says whether a cluster of a stage does not hold what the stage brings.
func (r *rehearsal) behind(s *Stage) bool {
	return slices.ContainsFunc(r.picked(s), func(l *live) bool {
		return len(r.plan.Hub.in.between(l.Member, r.holding(l).objects, delivered(s.Hub.held[l.Name]))) > 0
	})
}

// lastOf says whether a stage is the last of its staged run.
func (r *rehearsal) lastOf(s *Stage) bool {
	run := s.Hub.Plan.Run
	return run != "" && !slices.ContainsFunc(r.plan.Stages[s.Index+1:], func(later *Stage) bool { return later.Hub.Plan.Run == run })
}
