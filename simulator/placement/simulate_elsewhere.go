package placement

import (
	"fmt"
	"slices"
)

// NoRunInTheHub is the code of the warning about a placement whose runs are made elsewhere.
const NoRunInTheHub = "no-run-in-the-hub"

// shipElsewhere has the External placements that no run of the hub names shipped to every
// cluster that they pick, and taken from those that they no longer pick: repositories often
// hold no update runs, because they are made elsewhere.
func (w *world) shipElsewhere() {
	for _, p := range w.order {
		if p.rolls() || p.failed || slices.ContainsFunc(w.runs, func(r *runState) bool { return w.placementOf(r) == p }) {
			continue
		}
		snapshot := p.snapshots.latest()
		if snapshot == nil || snapshot.hash != hashObjects(p.content) {
			snapshot = p.snapshots.add(p.content, p.historyLimit(), w.now)
		}
		desired := w.desired(p, snapshot)
		for _, b := range slices.Clone(p.bindings) {
			switch {
			case w.member(b.Cluster) == nil:
			case b.State == unscheduled:
				w.withdraw(p, b.Cluster)
			default:
				b.State = bound
				w.deliver(p, b.Cluster, snapshot, desired(b.Cluster))
			}
		}
		w.warn(p.warning(NoRunInTheHub, fmt.Sprintf("the hub holds no update run of %s, whose strategy is External: what it selects counts as shipped to every cluster that it picks", p.key), ""))
		w.record(Stage{Name: "update runs made elsewhere", Placement: p.key}, nil)
	}
}
