package placement

import (
	"fmt"
	"slices"
	"strconv"
)

// initialize freezes what a run will do. The reason of a failure is final.
func (w *world) initialize(r *runState) string {
	r.p = w.placementOf(r)
	if r.p == nil {
		return invalid + ": parent placement not found"
	}
	if reason := w.collect(r); reason != "" {
		return reason
	}
	strategy := w.strategyOf(r)
	if strategy == nil {
		return fmt.Sprintf("%s: referenced updateStrategy not found: `%s`", invalid, r.strategyKey())
	}
	stages, reason := w.computeStages(r, strategy.spec.Stages, r.selected())
	if reason != "" {
		return reason
	}
	r.stages = stages
	return w.freeze(r)
}

func (r *run) strategyKey() string { return r.Namespace + "/" + r.spec.StrategyName }

func (w *world) placementOf(r *runState) *placed {
	kind := "ClusterResourcePlacement"
	if r.Namespace != "" {
		kind = "ResourcePlacement"
	}
	return w.placement(kind + "/" + r.Namespace + "/" + r.spec.PlacementName)
}

func (w *world) strategyOf(r *runState) *strategy {
	i := slices.IndexFunc(w.hub.strategies, func(s *strategy) bool { return s.Namespace == r.Namespace && s.Name == r.spec.StrategyName })
	if i < 0 {
		return nil
	}
	return w.hub.strategies[i]
}

// collect checks the placement and the scheduler's decision, and takes both down.
func (w *world) collect(r *runState) string {
	p := r.p
	if p.rolls() {
		kind := p.spec.Strategy.Type
		if kind == "" {
			kind = rollingUpdate
		}
		return invalid + ": parent placement does not have an external rollout strategy, current strategy: " + kind
	}
	if p.scheduled.Status != "True" {
		return fmt.Sprintf("%s: policy snapshot `%s` not fully scheduled yet", invalid, policySnapshotName(p.Name, p.policy.index))
	}
	r.apply, r.policy = p.applyStrategy(), p.policy.index
	selected := r.selected()
	r.deletes = r.unselected()
	if len(selected)+len(r.deletes) == 0 {
		return fmt.Sprintf("%s: no scheduled or to-be-deleted bindings found for the latest policy snapshot %s/%s", invalid, p.Namespace, policySnapshotName(p.Name, p.policy.index))
	}
	r.count = p.target(len(selected))
	if r.count != len(selected) {
		return fmt.Sprintf("%s: the number of selected bindings %d is not equal to the observed cluster count %d", invalid, len(selected), r.count)
	}
	return ""
}

func (r *runState) selected() []string {
	return r.p.clusters(func(b *binding) bool { return b.State != unscheduled })
}
func (r *runState) unselected() []string {
	return r.p.clusters(func(b *binding) bool { return b.State == unscheduled })
}

func (p *placed) clusters(keep func(*binding) bool) []string {
	var out []string
	for _, b := range p.sortedBindings() {
		if keep(b) {
			out = append(out, b.Cluster)
		}
	}
	return out
}

// freeze chooses the resource snapshot and the overrides. Without an index the latest is
// used, or made when the hub's content is another.
func (w *world) freeze(r *runState) string {
	p := r.p
	index, given, fault := r.snapshotIndex()
	if fault != "" {
		return invalid + ": " + fault
	}
	var snapshot *resourceSnapshot
	switch {
	case !given:
		snapshot = p.snapshots.add(p.content, p.historyLimit(), w.now)
	case r.spec.ResourceSnapshotIndex == strconv.Itoa(index): // KubeFleet looks the text up, as the value of a label
		snapshot = p.snapshots.find(index)
	}
	if snapshot == nil {
		w.warnIndex(r, index)
		return fmt.Sprintf("%s: no resourceSnapshots with index `%d` found for placement `%s`", invalid, index, r.Namespace+"/"+r.spec.PlacementName)
	}
	r.index = snapshot.index
	// The run hands over the bare name: overrides pinned to a namespaced placement never match.
	matched := matchOverrides(w.book.latest(), r.spec.PlacementName, snapshot.objects, w.release)
	r.overrides = map[string][]overrideSnapshot{}
	for _, cluster := range r.selected() {
		if m := w.member(cluster); m != nil {
			r.overrides[cluster] = pickOverrides(matched, m)
		}
	}
	w.warnRollback(r, given)
	return ""
}
