package placement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/policy"
)

// KubeFleet foretells what KubeFleet does with a change of hub objects. What the members
// have before is what the old hub objects come to when all rollouts are through. Waits
// have the length that the hub agent's defaults give them, at the earliest: member agents
// are taken to apply at once, workloads to become available at once.
//
// Approvals that the hub does not hold are taken as given once nothing else moves; the
// stages after them say in Needs which. Events come before that, so that they meet runs
// that wait.
type KubeFleet struct{ Options }

var _ Distributor = KubeFleet{}

// Plan answers a question. An error means that there is no answer; objects that KubeFleet
// would refuse are Problems of the plan.
func (k KubeFleet) Plan(ctx context.Context, q Question) (*Plan, error) {
	if q.After == nil {
		return nil, errors.New("plan: the question names no hub")
	}
	release := k.KubeFleet
	if release == "" {
		release = V031
	}
	w := newWorld(release, k.At)
	for _, hub := range append(slices.Clone(q.History), q.Before) {
		if hub != nil {
			w.place(hub, q.Members)
		}
	}
	w.installed, w.refuses, w.namespaces = q.Installed, q.Refuses, q.Namespaces
	w.begin(MergeMembers(q.Members, q.After.Members))
	w.adopt(q.After, q.Members)
	w.settleUntil(until(q.Events, 0))
	for i, e := range q.Events {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		if e.Timed && e.At < w.now {
			return nil, fmt.Errorf("event %q: what comes before it is through after %s only: give events in the order of time", e.Text, w.now)
		}
		if err := w.happen(e, until(q.Events, i+1)); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
	}
	w.settle()
	if q.RunsElsewhere {
		w.shipElsewhere()
	}
	w.conclude()
	w.nameCauses()
	return w.plan(q), nil
}

// until is how far the world goes before an event: to its time, or to the end of what is
// under way.
func until(events []Event, i int) time.Duration {
	if i < len(events) && events[i].Timed {
		return events[i].At
	}
	return never
}

// place places an old state to its end.
func (w *world) place(hub *Hub, members []*Member) {
	w.quiet = true
	w.adopt(hub, members)
	assumed := w.assumeApprovals()
	w.settle()
	w.rest()
	w.warnings = nil
	w.quiet = false
	for _, r := range assumed {
		w.warn(r.warning("approval-assumed", "the old state holds no approval request of the run: it is taken as approved and done", "give the old state the ClusterApprovalRequests of a run that is still under way"))
	}
}

// assumeApprovals takes the runs of an old state as approved, unless the hub holds a
// request of theirs: a repository has none.
func (w *world) assumeApprovals() []*runState {
	var assumed []*runState
	for _, r := range w.runs {
		if slices.ContainsFunc(w.hub.approvals, func(a *approval) bool { return a.Namespace == r.Namespace && a.run == r.Name }) {
			continue
		}
		strategy := w.strategyOf(r)
		if strategy == nil || r.ended || r.spec.State != "Run" {
			continue
		}
		asks := false
		for _, s := range strategy.spec.Stages {
			for when, tasks := range map[string][]stageTask{"before": s.BeforeStageTasks, "after": s.AfterStageTasks} {
				w.approved[approvalKey(r.Namespace, r.Name+"-"+when+"-"+s.Name)] = true
				asks = asks || slices.ContainsFunc(tasks, func(t stageTask) bool { return t.Type == taskApproval })
			}
		}
		if asks {
			assumed = append(assumed, r)
		}
	}
	return assumed
}

// begin records what is there before.
func (w *world) begin(members []*Member) {
	for _, m := range members {
		w.touched(m.Name)
	}
	for _, m := range w.members {
		w.touched(m.Name)
	}
	w.refresh()
	w.warnDrift()
	w.refresh()
	w.stages = append(w.stages, w.snapshotStage("before"))
}

// plan is the answer, once everything has happened.
func (w *world) plan(q Question) *Plan {
	p := &Plan{Distributor: "KubeFleet " + string(w.release), Members: w.members, Placements: []Placement{}, Stages: w.stages}
	for _, x := range w.order {
		p.Placements = append(p.Placements, w.describe(x))
	}
	w.review()
	p.Warnings = append(slices.Clone(w.hub.Warnings), w.warnings...)
	sortWarnings(p.Warnings)
	p.Problems = append([]policy.Problem(nil), w.hub.Problems...)
	return p
}

func (w *world) describe(x *placed) Placement {
	out := Placement{
		Kind: x.kind, Namespace: x.Namespace, Name: x.Name, File: x.file, Line: x.line, Type: x.placementType(), Strategy: rollingUpdate,
		Selected: append([]ObjectRef{}, x.selected...), Scheduled: x.scheduled, Decisions: append([]Decision{}, x.decisions...), Index: -1, Overrides: w.overrideUses(x),
	}
	if !x.rolls() {
		out.Strategy = external
	}
	if latest := x.snapshots.latest(); latest != nil {
		out.Index = latest.index
	}
	for _, r := range w.runs {
		if r.kindOfPlacement() == x.kind && r.placementKey() == x.key {
			out.Runs = append(out.Runs, r.outcome())
		}
	}
	return out
}

func (r *run) kindOfPlacement() string {
	if r.Namespace != "" {
		return "ResourcePlacement"
	}
	return "ClusterResourcePlacement"
}

// overrideUses tells where the overrides of a placement are used.
func (w *world) overrideUses(p *placed) []OverrideUse {
	objects := p.content
	if latest := p.snapshots.latest(); latest != nil {
		objects = latest.objects
	}
	var out []OverrideUse
	for _, s := range matchOverrides(w.book.latest(), p.key, objects, w.release) {
		use := OverrideUse{Name: s.id(), Clusters: []string{}}
		for _, cluster := range p.clusters(func(b *binding) bool { return b.State != unscheduled }) {
			m := w.member(cluster)
			if m == nil || len(pickOverrides([]overrideSnapshot{s}, m)) == 0 {
				continue
			}
			use.Clusters = append(use.Clusters, cluster)
			if s.deletes(objects, m) {
				use.Deleted = append(use.Deleted, cluster)
			}
			if d := p.deliveries[cluster]; d != nil && strings.HasPrefix(d.failure, "OverriddenFailed") && s.fails(objects, m) {
				use.Failed = append(use.Failed, cluster)
				use.Reason = d.failure
			}
		}
		out = append(out, use)
	}
	return out
}

// deletes tells whether the override leaves an object out.
func (s overrideSnapshot) deletes(objects []policy.Object, m *Member) bool {
	return slices.ContainsFunc(reachable(objects, Main), func(o policy.Object) bool {
		raw, used, err := s.apply(o.JSON, m)
		return s.selects(o) && used && err == nil && raw == nil
	})
}

// fails tells whether the override itself fails on an object.
func (s overrideSnapshot) fails(objects []policy.Object, m *Member) bool {
	for _, o := range reachable(objects, Main) {
		if s.selects(o) {
			if _, _, err := s.apply(o.JSON, m); err != nil {
				return true
			}
		}
	}
	return false
}
