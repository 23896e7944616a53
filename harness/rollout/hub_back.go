package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// A Back is the way back from a stage whose gate refused, as KubeFleet has it: a new run
// of an older resource snapshot, or the hub in its old state.
type Back struct {
	Way     string            // index or revert
	Stop    []placement.Event // runs that are stopped first
	State   hub.State         // that the hub gets
	Failure string            // why it leads nowhere, in KubeFleet's words
	Plan    *placement.Plan

	held map[string]*placement.State // by member, at its end
	sets map[*Member]*policy.Set
}

// back plans the way back from a stage.
func (w *hubWalk) back(ctx context.Context, st *Stage) error {
	h := w.Hub
	b := &Back{Way: h.spec.Back, sets: map[*Member]*policy.Set{}}
	var err error
	older, index := w.olderRun(st)
	if b.Way == scenarios.ByRevert || older == nil {
		b.Way, b.State = scenarios.ByRevert, h.Before
		b.Plan, err = w.revert(ctx)
	} else {
		err = w.older(ctx, st, b, *older, index)
	}
	if err != nil {
		return fmt.Errorf("the way back from stage %q: %w", st.Name, err)
	}
	b.held = b.leadsTo(st.Hub.held)
	moves := false
	for _, m := range w.Members {
		changes := w.in.delivery(m, st.Hub.held[m.Name], b.held[m.Name])
		moves = moves || len(changes) > 0
		b.sets[m] = w.setOf(m, b.held[m.Name])
	}
	if !moves {
		b.Failure = "it changes nothing on any member"
		for _, r := range hub.PlannedRuns(b.Plan) {
			if r.State == "failed" {
				b.Failure = r.Name + ": " + r.Message
			}
		}
	}
	st.Hub.Back = b
	return nil
}

// steps are the stages of the way back, in order.
func (b *Back) steps() []placement.Stage {
	at := 1 // after what is there before
	for i, s := range b.Plan.Stages {
		if len(b.Stop) > 0 && strings.HasPrefix(s.Name, "event: "+b.Stop[0].Text) {
			at = i
		}
	}
	return b.Plan.Stages[min(at, len(b.Plan.Stages)):]
}

// run is the new run of a way back by index; empty otherwise.
func (b *Back) run() string {
	for _, s := range slices.Backward(b.steps()) {
		if s.Run != "" && len(b.Stop) > 0 {
			return s.Run
		}
	}
	return ""
}

// leadsTo is what members hold at the end of the way back: those that it moves, what the
// plan gives them last; the others what they hold now.
func (b *Back) leadsTo(now map[string]*placement.State) map[string]*placement.State {
	out := maps.Clone(now)
	last := b.Plan.Stages[len(b.Plan.Stages)-1].States
	for _, s := range b.steps() {
		for _, name := range s.Clusters {
			out[name] = last[name]
		}
	}
	return out
}

// revert is what follows when the hub gets its old state again.
func (w *hubWalk) revert(ctx context.Context) (*placement.Plan, error) {
	h := w.Hub
	now, err := placement.FromObjects(h.Objects, h.state, h.Options)
	if err != nil {
		return nil, err
	}
	old := h.before
	if old == nil {
		if old, err = placement.FromObjects("none", nil, h.Options); err != nil {
			return nil, err
		}
	}
	history := slices.Clone(h.history)
	if h.before != nil {
		history = append(history, h.before)
	}
	return h.distributor().Plan(ctx, placement.Question{History: history, Before: now, After: old, Members: h.fleet, Installed: h.there})
}

// olderRun is the run that a stage belongs to and the index of the resource snapshot that
// its placement had before; nil when there is no such run or nothing was placed before.
func (w *hubWalk) olderRun(st *Stage) (*policy.Object, int) {
	s := st.Hub.Plan
	index := -1
	for _, state := range w.Hub.initial {
		for _, d := range state.Delivered {
			if d.Placement == s.Placement {
				index = max(index, d.Index)
			}
		}
	}
	if s.Run == "" || index < 0 {
		return nil, 0
	}
	for _, o := range w.Hub.state {
		if runName(&o) == s.Run && slices.Contains([]string{"ClusterStagedUpdateRun", "StagedUpdateRun"}, o.Kind) {
			return &o, index
		}
	}
	return nil, 0
}

// older plans a new run of the snapshot before, after the run under way is stopped:
// otherwise an approval that comes late would send it on.
func (w *hubWalk) older(ctx context.Context, st *Stage, b *Back, run policy.Object, index int) error {
	fields := map[string]any{"resourceSnapshotIndex": strconv.Itoa(index), "state": "Run"}
	live, err := withSpec(run, run.Name+"-back", fields)
	if err != nil {
		return err
	}
	fields["state"] = "Initialize"
	planned, err := withSpec(run, run.Name+"-back", fields)
	if err != nil {
		return err
	}
	stop, err := placement.ParseEvent("stop " + runName(&run))
	if err != nil {
		return err
	}
	start, err := placement.ParseEvent("resume " + runName(&planned))
	if err != nil {
		return err
	}
	b.Stop, b.State = []placement.Event{stop}, added(w.Hub.state, hub.State{live})
	b.Plan, err = w.Hub.question(ctx, added(w.Hub.state, hub.State{planned}), append(slices.Clone(w.log), stop, start))
	return err
}
