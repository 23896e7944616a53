package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// reviewRun warns of runs that never end, or end early.
func (w *world) reviewRun(r *runState) {
	switch message := r.condition.Message; {
	case strings.Contains(message, "are not placed in any stage"):
		w.warn(r.warning("cluster-in-no-stage", "a selected cluster matches the label selector of no stage, so the run fails for good: "+message, "add a stage for it; a stage without labelSelector matches no cluster, labelSelector: {} matches all", clustersAfter(message, "showing up to 10: ")...))
	case strings.Contains(message, "appears in more than one stages"):
		w.warn(r.warning("cluster-in-two-stages", "a cluster matches the label selectors of two stages, so the run fails for good: "+message, "make the selectors exclusive"))
	case r.ended && r.condition.Status == "False" && !r.moved:
		w.warn(r.warning("run-fails", "the run fails for good before it has moved anything: "+message, "correct it and create another run: this one is never tried again"))
	}
	if r.ended && r.condition.Status == "False" && r.moved {
		w.warn(r.warning("half-rolled-out", "the run has ended for good and nothing is rolled back: some clusters have the new version, others the old one", "create another run"))
	}
	if r.stuck {
		w.warn(r.warning("run-stuck", "the run waits for clusters that fail: it neither fails nor rolls back by itself ("+r.condition.Message+")", "correct the cluster, or stop the run and create one with an older resourceSnapshotIndex", r.stuckClusters(r.stages[min(r.stage, len(r.stages)-1)])...))
	}
	w.reviewReplayed(r)
}

// reviewReplayed warns of two runs of one placement that appear together.
func (w *world) reviewReplayed(r *runState) {
	for _, other := range w.runs {
		if other == r {
			return // warn the later one
		}
		if other.p == nil || other.p != r.p {
			continue
		}
		if other.generation == r.generation && other.moved {
			w.warn(r.warning("runs-replayed", fmt.Sprintf("%s and this run appear in the same state of the hub: they are taken one after the other, and what earlier ones shipped is not known", other.key()), "ask with the older states of the hub, in which the runs appear one by one"))
		}
	}
}

func clustersAfter(message, mark string) []string {
	_, list, ok := strings.Cut(message, mark)
	if !ok {
		return nil
	}
	return strings.Split(list, ", ")
}

// reviewKyverno tells what KubeFleet does not know of policies: it takes them as available
// once they are stored, and their own webhook may refuse an update of them.
func (w *world) reviewKyverno() {
	updated, delivered := false, false
	for i := 1; i < len(w.stages); i++ {
		for _, cluster := range w.stages[i].Clusters {
			for _, d := range w.stages[i].States[cluster].Delivered {
				if !strings.HasSuffix(groupOf(d.Object), "kyverno.io") {
					continue
				}
				delivered = true
				before := w.stages[i-1].States[cluster]
				updated = updated || before != nil && slices.ContainsFunc(before.Delivered, func(x Delivered) bool {
					return objectID(x.Object) == objectID(d.Object) && x.Object.Digest != d.Object.Digest
				})
			}
		}
	}
	if delivered {
		w.warn(Warning{Code: "available-is-not-ready", Text: "KubeFleet takes policies as available once they are stored (NotAllWorkAreAvailabilityTrackable): it does not wait until Kyverno enforces them", Fix: "judge a stage by admission answers, not by the placement's conditions"})
	}
	if updated {
		w.warn(Warning{Code: "update-needs-kyverno", Text: "an update of a policy passes Kyverno's own webhook on the member: while Kyverno is down there, the update is refused (ApplyFailed) and the old version stays", Fix: "check Kyverno on all members before the rollout"})
	}
}

func groupOf(o policy.Object) string {
	group, _ := splitVersion(o.APIVersion)
	return group
}
