package placement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

func (r *runState) selected() []string { return r.p.clusters(func(b *binding) bool { return b.State != unscheduled }) }
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

// computeStages puts the selected clusters into stages: each into exactly one.
func (w *world) computeStages(r *runState, specs []stageSpec, selected []string) ([]*runStage, string) {
	placed := map[string]bool{}
	var out []*runStage
	for _, spec := range specs {
		if when, fault := spec.checkTasks(); fault != "" {
			return nil, fmt.Sprintf("%s: the %s stage tasks are invalid, updateStrategy: `%s`, stage: %s, err: %s", invalid, when, r.strategyKey(), spec.Name, fault)
		}
		if _, err := metav1.LabelSelectorAsSelector(spec.LabelSelector); err != nil {
			return nil, fmt.Sprintf("%s: the stage label selector is invalid, updateStrategy: `%s`, stage: %s, err: %s", invalid, r.strategyKey(), spec.Name, err)
		}
		s := &runStage{stageSpec: spec, done: map[string]bool{}, inFlight: map[string]bool{}}
		for _, m := range w.members {
			if !slices.Contains(selected, m.Name) || !labelsMatch(spec.LabelSelector, m.Labels) {
				continue
			}
			if placed[m.Name] {
				return nil, fmt.Sprintf("%s: cluster `%s` appears in more than one stages", invalid, m.Name)
			}
			if fault := spec.sortingFault(m); fault != "" {
				return nil, invalid + ": " + fault
			}
			placed[m.Name] = true
			s.clusters = append(s.clusters, m.Name)
		}
		w.sortClusters(s)
		out = append(out, s)
	}
	if missing := slices.DeleteFunc(slices.Clone(selected), func(c string) bool { return placed[c] }); len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Sprintf("%s: some clusters are not placed in any stage, total %d, showing up to 10: %s", invalid, len(missing), strings.Join(missing[:min(10, len(missing))], ", "))
	}
	return out, ""
}

func (s stageSpec) sortingFault(m *Member) string {
	if s.SortingLabelKey == nil {
		return ""
	}
	value := m.Labels[*s.SortingLabelKey]
	if _, err := strconv.Atoi(value); err != nil {
		return fmt.Sprintf("the sorting label `%s:%s` on cluster `%s` is not valid: %s", *s.SortingLabelKey, value, m.Name, err)
	}
	return ""
}

// sortClusters orders a stage by its sorting label as a number, then by name.
func (w *world) sortClusters(s *runStage) {
	rank := func(name string) int {
		if m := w.member(name); s.SortingLabelKey != nil && m != nil {
			n, _ := strconv.Atoi(m.Labels[*s.SortingLabelKey])
			return n
		}
		return 0
	}
	slices.SortStableFunc(s.clusters, func(a, b string) int {
		if x, y := rank(a), rank(b); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

// freeze chooses the resource snapshot and the overrides. Without an index the latest is
// used, or made when the hub's content is another.
func (w *world) freeze(r *runState) string {
	p := r.p
	index, given, fault := r.snapshotIndex()
	if fault != "" {
		return invalid + ": " + fault
	}
	snapshot := p.snapshots.find(index)
	if !given {
		snapshot = p.snapshots.add(p.content, p.historyLimit(), w.now)
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
