package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// conclude goes on, after the last event, with what waits for people: approvals are taken
// as given, and overrides come with the next rollout, whatever starts it.
func (w *world) conclude() {
	for !w.down {
		r := w.waitingForApproval()
		if r == nil {
			break
		}
		name := strings.TrimPrefix(r.waiting, "approval ")
		w.approved[approvalKey(r.Namespace, name)] = true
		r.assumed = append(r.assumed, name)
		r.needs = append(r.needs, "approval "+name)
		r.due = w.now
		w.settle()
	}
	if w.down {
		w.strand()
		return
	}
	for _, p := range w.order {
		w.nextRollout(p)
		w.markStalled(p)
	}
	for _, p := range w.order {
		w.unshipped(p)
	}
}

// strand says of clusters that a change was still on its way to when the hub went down why
// they are behind.
func (w *world) strand() {
	for _, p := range w.order {
		w.nameWaves(p)
		var behind []string
		for _, cluster := range p.clusters(func(b *binding) bool { return b.State != unscheduled }) {
			if m := w.member(cluster); m != nil && w.isBehind(p, m) {
				behind = append(behind, cluster)
				w.markStale(p, cluster, "the hub cannot be reached: nothing comes before it is back")
			}
		}
		if len(behind) > 0 && !p.failed {
			w.record(Stage{Name: "rollout of " + p.key + " waits for the hub", Placement: p.key, Note: strings.Join(behind, ", ") + " do not get what the hub intends until it is back"}, nil)
		}
	}
}

func (w *world) waitingForApproval() *runState {
	i := slices.IndexFunc(w.runs, func(r *runState) bool { return !r.ended && strings.HasPrefix(r.waiting, "approval ") })
	if i < 0 {
		return nil
	}
	return w.runs[i]
}

// nextRollout shows what the next rollout of a placement will bring along that nothing has
// started so far: overrides that are not pinned to a placement, labels of members that
// match other rules now.
func (w *world) nextRollout(p *placed) {
	if !p.rolls() || p.snapshots.latest() == nil || p.rollDue != never {
		return
	}
	w.awaitReady(p)
	c := w.classify(p)
	if remove, _ := p.limits(c); len(c.failed) == 0 && (len(c.updates) == 0 || remove <= 0) {
		return
	}
	w.warnWaits(p, clustersOf(append(slices.Clone(c.updates), c.failed...)))
	first := len(w.stages)
	p.rollDue = w.now
	w.settle()
	for i := first; i < len(w.stages); i++ {
		w.stages[i].Needs = append(w.stages[i].Needs, NextRollout+" of "+p.object())
	}
}

// awaitReady passes the time until every cluster that a rollout has just reached counts as
// available: nobody is in a hurry.
func (w *world) awaitReady(p *placed) {
	if len(w.classify(p).updates) == 0 {
		return
	}
	for _, d := range p.deliveries {
		if d.failure == "" && !d.unreached {
			w.now = max(w.now, d.readyAt)
		}
	}
}

// markStalled says of clusters that a rolling update has not reached why they are behind.
func (w *world) markStalled(p *placed) {
	if !p.rolls() || p.snapshots.latest() == nil {
		return
	}
	behind := clustersOf(w.classify(p).updates)
	if len(behind) == 0 { // what stood still has gone on since
		w.warnings = slices.DeleteFunc(w.warnings, func(x Warning) bool { return x.Code == "rollout-stalled" && x.Object == p.object() })
		return
	}
	for _, cluster := range behind {
		w.markStale(p, cluster, "the rollout stands still before it comes to this cluster: too many clusters are unavailable")
	}
	w.record(Stage{Name: "rollout of " + p.key + " stands still", Placement: p.key, Note: "RolloutNotStartedYet: " + strings.Join(behind, ", ") + ": The resources cannot be updated to the latest because of the rollout strategy"}, nil)
}

// unshipped notes what an External placement has not brought to its clusters: no run does.
func (w *world) unshipped(p *placed) {
	if p.rolls() || p.failed {
		return
	}
	var behind []string
	for _, cluster := range p.clusters(func(b *binding) bool { return b.State != unscheduled }) {
		if d := p.deliveries[cluster]; d != nil && d.failure != "" {
			continue // that it was tried there, and failed, is told already
		}
		if m := w.member(cluster); m != nil && w.isBehind(p, m) {
			behind = append(behind, cluster)
		}
	}
	if len(behind) == 0 {
		return
	}
	why := "the hub intends another version, and no update run ships it"
	if i := slices.IndexFunc(w.runs, func(r *runState) bool { return r.p == p && !r.ended && r.prepared && r.spec.State != stateInitialize }); i >= 0 {
		why = fmt.Sprintf("the hub intends another version: update run %s stands still (%s)", w.runs[i].key(), w.runs[i].condition.Reason)
	}
	for _, cluster := range behind {
		w.markStale(p, cluster, why)
	}
	w.warnUnshipped(p, behind)
	w.record(Stage{Name: "no rollout of " + p.key, Placement: p.key, Note: "RolloutControlledByExternalController: " + strings.Join(behind, ", ") + " do not get what the hub intends until an update run ships it"}, nil)
}

// isBehind tells whether a member holds other objects than a new run would bring.
func (w *world) isBehind(p *placed, m *Member) bool {
	overrides := pickOverrides(matchOverrides(w.book.latest(), p.key, p.content, w.release), m)
	work, failure := render(p.content, overrides, m, w.release)
	d := p.deliveries[m.Name]
	if d == nil || failure != "" {
		return len(p.content) > 0
	}
	return !slices.EqualFunc(work, d.work, func(a, b rendered) bool { return a.object.Digest == b.object.Digest })
}

func (w *world) snapshotStage(name string) Stage {
	return Stage{Name: name, Clusters: []string{}, At: w.now, States: maps.Clone(w.states)}
}
