package placement

import (
	"fmt"
	"slices"
)

// validate compares a run with the state of the hub. Any difference ends it for good:
// clusters that join, leave or are relabelled, another policy, another apply strategy.
func (w *world) validate(r *runState) string {
	p := w.placementOf(r)
	switch {
	case p == nil:
		return invalid + ": parent placement not found"
	case p.rolls():
		return invalid + ": parent placement does not have an external rollout strategy, current strategy: " + rollingUpdate
	case !p.applyStrategy().same(r.apply):
		return aborted + ": the applyStrategy in the updateRun is outdated, latest: " + p.applyStrategy().Type + ", recorded: " + r.apply.Type
	case p.scheduled.Status != "True":
		return fmt.Sprintf("%s: policy snapshot `%s` not fully scheduled yet", invalid, policySnapshotName(p.Name, p.policy.index))
	case p.policy.index != r.policy:
		return fmt.Sprintf("%s: the policy snapshot index used in the updateRun is outdated, latest: %d, recorded: %d", aborted, p.policy.index, r.policy)
	}
	r.p = p
	selected := r.selected()
	count := p.target(r.count) // of PickAll none is recorded
	if count != r.count {
		return fmt.Sprintf("%s: the cluster count initialized in the updateRun is outdated, latest: %d, recorded: %d", aborted, count, r.count)
	}
	if len(selected)+len(r.unselected()) == 0 {
		return fmt.Sprintf("%s: no scheduled or to-be-deleted bindings found for the latest policy snapshot %s/%s", invalid, p.Namespace, policySnapshotName(p.Name, p.policy.index))
	}
	if n := p.target(len(selected)); n != len(selected) {
		return fmt.Sprintf("%s: the number of selected bindings %d is not equal to the observed cluster count %d", invalid, len(selected), n)
	}
	return w.validateStages(r, selected)
}

func (w *world) validateStages(r *runState, selected []string) string {
	var specs []stageSpec
	for _, s := range r.stages {
		specs = append(specs, s.stageSpec)
	}
	stages, reason := w.computeStages(r, specs, selected)
	if reason != "" {
		return reason
	}
	for i, now := range stages {
		was := r.stages[i]
		if len(now.clusters) != len(was.clusters) {
			return fmt.Sprintf("%s: the number of clusters in index `%d` stage has changed, new: %d, existing: %d", aborted, i, len(now.clusters), len(was.clusters))
		}
		for j := range now.clusters {
			if now.clusters[j] != was.clusters[j] {
				return fmt.Sprintf("%s: the `%d` cluster in the `%d` stage has changed, new: %s, existing: %s", aborted, j, i, now.clusters[j], was.clusters[j])
			}
		}
	}
	for _, cluster := range r.unselected() {
		if !slices.Contains(r.deletes, cluster) {
			return fmt.Sprintf("%s: the cluster `%s` to be deleted is not in the delete stage", aborted, cluster)
		}
	}
	return ""
}
