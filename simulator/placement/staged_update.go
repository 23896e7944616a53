package placement

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// concurrency is how many clusters of a stage are updated at once: a percentage is of the
// stage's clusters and rounded down; at least one.
func (s *runStage) concurrency() int {
	v := s.MaxConcurrency
	if v == nil {
		return 1
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, len(s.clusters), false)
	if err != nil {
		return 1
	}
	return max(n, 1)
}

// update updates the clusters of a stage in their order. It tells whether all are done. A
// cluster that fails holds its place for good: neither stage nor run fails by it.
func (w *world) update(r *runState, s *runStage) bool {
	if reason := w.preempted(r, s); reason != "" {
		w.fail(r, reason)
		return false
	}
	limit := s.concurrency()
	w.finish(r, s)
	for w.startNext(r, s, limit) {
		w.finish(r, s)
	}
	note := r.failing(s)
	order := s.clusters
	stage := Stage{Name: r.stageName(s), Placement: r.placementKey(), Run: r.key(), Needs: r.needs, Note: note}
	if note == "" && limit < len(s.clusters) {
		stage.Note = fmt.Sprintf("at most %d at a time, in this order: %s", limit, strings.Join(order, ", "))
	}
	if len(w.dirty) > 0 {
		w.record(stage, order)
		r.needs = nil
	}
	if len(s.done) == len(s.clusters) {
		return true
	}
	r.stuck = true
	r.condition = Condition{Status: "False", Reason: "UpdateRunStuck", Message: fmt.Sprintf("The updateRun is stuck waiting for %s cluster(s) in stage %s to finish updating, please check placement status for potential errors", stuckNames(r.stuckClusters(s)), s.Name)}
	r.waiting = "clusters " + strings.Join(r.stuckClusters(s), ", ")
	return false
}

// startNext starts the next cluster if there is room for one more.
func (w *world) startNext(r *runState, s *runStage, limit int) bool {
	if len(s.inFlight) >= limit {
		return false
	}
	for _, cluster := range s.clusters {
		if s.done[cluster] || s.inFlight[cluster] {
			continue
		}
		s.inFlight[cluster] = true
		r.moved = true
		w.bind(r, cluster)
		return true
	}
	return false
}

// bind points a binding at what the run ships, unless it is there already.
func (w *world) bind(r *runState, cluster string) {
	for _, b := range r.p.bindings {
		if b.Cluster == cluster {
			b.State = bound
		}
	}
	if r.synced(cluster) {
		return
	}
	if snapshot := r.p.snapshots.find(r.index); snapshot != nil {
		w.deliver(r.p, cluster, snapshot, r.overrides[cluster])
	}
}

// synced tells whether a binding is as this run would write it.
func (r *runState) synced(cluster string) bool {
	d := r.p.deliveries[cluster]
	return d != nil && d.index == r.index && sameOverrides(d.overrides, r.overrides[cluster]) && d.apply.same(r.apply)
}

// finish takes clusters as done whose resources are available, tracked or not.
func (w *world) finish(r *runState, s *runStage) {
	for _, cluster := range s.clusters {
		if s.inFlight[cluster] && r.p.deliveries[cluster].ready(never) {
			delete(s.inFlight, cluster)
			s.done[cluster] = true
		}
	}
}

// preempted is the reason of a run whose cluster another run took while it was in flight.
func (w *world) preempted(r *runState, s *runStage) string {
	for _, cluster := range s.clusters {
		if s.inFlight[cluster] && !r.synced(cluster) {
			return fmt.Sprintf("%s: the binding of the updating cluster `%s` in the stage `%s` is not up-to-date with the desired status, please check the status of binding `%s` and see if there is a concurrent updateRun referencing the same placement and updating the same cluster",
				aborted, cluster, s.Name, r.spec.PlacementName+"-"+cluster)
		}
	}
	return ""
}

func (r *runState) stuckClusters(s *runStage) []string {
	var out []string
	for _, cluster := range s.clusters {
		if s.inFlight[cluster] {
			out = append(out, cluster)
		}
	}
	return out
}

func stuckNames(clusters []string) string {
	if len(clusters) <= 3 {
		return strings.Join(clusters, ", ")
	}
	return strings.Join(clusters[:3], ", ") + "..."
}

func (r *runState) failing(s *runStage) string {
	why := map[string]string{}
	for _, cluster := range s.clusters {
		if d := r.p.deliveries[cluster]; d != nil && (s.inFlight[cluster] || len(d.reported) > 0) {
			why[cluster] = d.trouble()
		}
	}
	return troubles(why)
}

// deleteStage removes the placement from clusters that are no longer selected.
func (w *world) deleteStage(r *runState) {
	for _, cluster := range r.deletes {
		w.withdraw(r.p, cluster)
	}
	if len(r.deletes) > 0 {
		w.record(Stage{Name: "stage " + deleting + " of " + r.key(), Placement: r.placementKey(), Run: r.key(), Needs: r.needs,
			Note: "removed from " + strings.Join(r.deletes, ", ") + ": no longer selected"}, r.deletes)
		r.needs = nil
	}
}

// snapshotIndex reads the index that a run asks for; ok is false for none.
func (r *run) snapshotIndex() (index int, ok bool, fault string) {
	text := r.spec.ResourceSnapshotIndex
	if text == "" {
		return 0, false, ""
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, true, fmt.Sprintf("invalid resource snapshot index `%s` provided, expected an integer >= 0", text)
	}
	return n, true, ""
}
