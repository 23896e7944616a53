package placement

import (
	"cmp"
	"slices"
	"strings"
)

// adopt gives the hub a new state: objects as they are written now. Members of the hub
// are added where the fleet does not name them.
func (w *world) adopt(hub *Hub, fleet []*Member) {
	hub = hub.following(w.hub).keeping(w.hub)
	w.hub = hub
	changes := w.setMembers(MergeMembers(fleet, hub.Members))
	changed := w.book.observe(hub.overrides)
	w.adoptPlacements(changes)
	for _, s := range changed {
		for _, p := range w.order {
			if s.pinned() && s.placementKey() == p.key && p.rolls() {
				p.rollDue = w.now
			}
		}
	}
	for _, a := range hub.approvals {
		if a.approved {
			w.approved[approvalKey(a.Namespace, a.Name)] = true
		}
	}
	w.adoptRuns()
	for _, e := range hub.evictions {
		if !w.evicted[e.Name] {
			w.evicted[e.Name] = true
			w.evictions = append(w.evictions, e)
		}
	}
	slices.SortFunc(w.evictions, func(a, b *eviction) int { return strings.Compare(a.Name, b.Name) })
}

// memberChange is a member before and after; before is nil for one that joins, after for
// one that is gone.
type memberChange struct{ before, after *Member }

// setMembers changes the fleet. Members that are gone have left: what they hold stays.
func (w *world) setMembers(members []*Member) []memberChange {
	var changes []memberChange
	for _, m := range w.members {
		if findMember(members, m.Name) < 0 {
			changes = append(changes, memberChange{m, nil})
			w.leave(m.Name)
		}
	}
	for _, m := range members {
		changes = append(changes, memberChange{w.member(m.Name), m})
		w.touched(m.Name)
		if m.Leaving && !w.left[m.Name] {
			w.leave(m.Name)
		} else if !m.Leaving {
			delete(w.left, m.Name)
		}
	}
	w.members = slices.Clone(members)
	slices.SortFunc(w.members, func(a, b *Member) int { return strings.Compare(a.Name, b.Name) })
	return changes
}

// membersChanged has the scheduler look at a placement where a change of members makes it
// look. Otherwise only what is said of the clusters is brought up to date.
func (w *world) membersChanged(p *placed, changes []memberChange) {
	fulfilled := p.scheduled.Status == "True"
	for _, c := range changes {
		if reschedules(p.placement, c.before, c.after, w.clock, fulfilled) {
			w.reschedule(p)
			return
		}
	}
	if _, decisions, _, err := schedule(p.placement, p.policy.index, w.members, p.bindings, w.clock); err == nil && !p.failed {
		p.decisions = decisions
	}
}

func (w *world) leave(cluster string) {
	w.left[cluster] = true
	delete(w.later, cluster)
	w.markMember(cluster, "the cluster has left the fleet: what it has stays, and nobody brings it up to date")
}

// adoptPlacements takes the placements of the hub: what is gone is removed from members,
// what is there is selected and scheduled anew.
func (w *world) adoptPlacements(changes []memberChange) {
	before := w.order
	w.order = nil
	for _, p := range w.hub.placements {
		next := &placed{id: p.kind + "/" + p.Namespace + "/" + p.Name, key: strings.TrimPrefix(p.Namespace+"/"+p.Name, "/"),
			policy: policySnapshot{index: -1}, deliveries: map[string]*delivery{}, shipped: map[int]map[string][]overrideSnapshot{}, snapshotDue: never, rollDue: never}
		if i := slices.IndexFunc(before, func(q *placed) bool { return q.id == next.id }); i >= 0 {
			next = before[i]
		}
		next.placement = p
		w.order = append(w.order, next)
	}
	slices.SortStableFunc(w.order, func(a, b *placed) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	for _, p := range before {
		if !slices.Contains(w.order, p) {
			w.remove(p)
		}
	}
	for _, p := range w.order {
		w.selectContent(p)
		if p.policy.index < 0 || p.policy.changes(p.spec.Policy) {
			w.reschedule(p)
		} else {
			w.membersChanged(p, changes)
		}
		w.pushApplyStrategy(p)
	}
}

// remove is the deletion of a placement: everything goes from every member.
func (w *world) remove(p *placed) {
	if clusters := p.clusters(func(*binding) bool { return true }); p.spec.abandons() && !w.quiet && len(clusters) > 0 {
		w.warn(p.warning("not-implemented", "the placement is deleted, and its deleteStrategy Abandon is not honoured: no release of KubeFleet does it, and its objects are removed from these clusters",
			"keep the placement; a member that leaves the fleet keeps its objects", clusters...))
	}
	for _, cluster := range p.clusters(func(*binding) bool { return true }) {
		if w.member(cluster) != nil {
			w.withdraw(p, cluster)
		}
	}
	w.record(Stage{Name: p.object() + " deleted", Placement: p.key, Note: "the placement is deleted: its objects are removed from every member"}, nil)
}

// pushApplyStrategy brings a changed apply strategy to all bindings at once, outside of
// any rollout. External placements get it with the next run.
func (w *world) pushApplyStrategy(p *placed) {
	strategy := p.applyStrategy()
	was := p.applied
	p.applied = strategy
	if was.Type == "" || was.same(strategy) || !p.rolls() {
		return
	}
	for _, b := range p.sortedBindings() {
		d := p.deliveries[b.Cluster]
		if d == nil || w.member(b.Cluster) == nil {
			continue
		}
		d.apply = strategy
		if d.workIndex >= 0 {
			w.reach(p, b.Cluster, d, func() { w.applyWork(p, b.Cluster, d) })
		}
	}
	p.rollDue = w.now
	w.record(Stage{Name: "apply strategy of " + p.key, Placement: p.key, Note: "the apply strategy reaches all clusters at once, outside of the rollout"}, nil)
}
