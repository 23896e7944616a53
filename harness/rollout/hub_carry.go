package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// carry brings a member from what it holds to a state of the plan, within the patience.
func (r *rehearsal) carry(ctx context.Context, l *live, stage string, state *placement.State, set *policy.Set) []timeline.Change {
	h := r.holding(l)
	before := h.set
	changes := r.plan.Hub.in.between(l.Member, h.objects, delivered(state))
	out := make([]timeline.Change, len(changes))
	deadline := time.Now().Add(r.patience())
	whole := true
	for i := range changes {
		start := time.Now()
		r.deliver(ctx, l, &changes[i], max(time.Until(deadline), time.Second), stage, state)
		r.step(start, l.Name, fmt.Sprintf("%s %s%s", changes[i].Policy, changes[i].Action, inMode(changes[i].Mode)), changes[i].Error)
		whole = whole && changes[i].Error == ""
		out[i] = changes[i].Change
	}
	if !whole {
		set = r.mixture(l)
	}
	h.set = set
	if len(changes) > 0 && before != nil && set != nil && !r.silent(l) {
		start := time.Now()
		proofs := r.predicted[l.Member].flips(l.Records, before, set)
		err := l.answersBy(ctx, proofs, r.predicted[l.Member], set)
		r.step(start, l.Name, fmt.Sprintf("in force, seen by %d requests whose answer changes", len(proofs)), err)
	}
	return out
}

// deliver makes one change and notes what the member holds then.
func (r *rehearsal) deliver(ctx context.Context, l *live, c *change, patience time.Duration, stage string, state *placement.State) {
	c.Effective = -1
	err := r.hub.driver.Deliver(ctx, l.Name, hub.Change{Object: c.object, Before: c.before}, patience)
	arrived := time.Now() // how long the way took is no readiness
	if err == nil && c.object != nil && !r.silent(l) {
		o, parsed := parse(c.object)
		if err = parsed; err == nil && !r.hub.board.Down(scenarios.StopKyverno, l.Name) {
			err = l.client.ready(ctx, o)
		}
	}
	if err != nil {
		c.Error = firstLine(err.Error())
		return
	}
	c.Effective = time.Since(arrived)
	h := r.holding(l)
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if c.object == nil {
		k := keyOf(c.before)
		h.gone[k] = *c.before
		delete(h.objects, k)
		return
	}
	k := keyOf(c.object)
	delete(h.gone, k)
	h.objects[k], h.came[k] = *c.object, arrivalOf(state, k, stage)
}

func arrivalOf(state *placement.State, k key, stage string) arrival {
	if state != nil {
		for _, d := range state.Delivered {
			if keyOf(&d.Object) == k {
				return arrival{fmt.Sprintf("%s %d", d.Placement, d.Index), stage, d.Stale}
			}
		}
	}
	return arrival{stage: stage}
}

// mixture is the set of the plan that a member holds after a stage did not reach it whole;
// nil when no stage has it, so that nothing is predicted of it.
func (r *rehearsal) mixture(l *live) *policy.Set {
	h := r.holding(l)
	var objects []policy.Object
	for _, k := range keys(h.objects) {
		objects = append(objects, h.objects[k])
	}
	now := fromParts(l.Name, r.plan.Hub.local[l.Member], objects)
	for _, set := range r.plan.setsOf(l.Member) {
		if sideOf(set) == sideOf(now) {
			return set
		}
	}
	return nil
}

// look compares what a member holds with the plan.
func (r *rehearsal) look(ctx context.Context, l *live, stage string, state *placement.State) {
	if l.dead != "" || r.silent(l) || state == nil {
		return
	}
	h := r.holding(l)
	var gone []policy.Object
	planned := delivered(state)
	for _, k := range keys(h.gone, h.objects) {
		if _, is := planned[k]; is {
			continue
		}
		o, was := h.gone[k]
		if !was {
			o = h.objects[k]
		}
		gone = append(gone, o)
	}
	n, differences := hub.Compare(ctx, r.hub.members[l.Name], state, gone)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.differ(stage, n, differences)
}
