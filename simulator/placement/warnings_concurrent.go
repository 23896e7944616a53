package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// meet warns of runs of one placement that are under way when another one is: one that
// waits for an approval goes on later with what it has frozen.
func (w *world) meet(r *runState) {
	if w.quiet || r.spec.State != "Run" {
		return
	}
	for _, other := range w.runs {
		if other == r || other.p != r.p || !other.prepared || other.ended || other.spec.State != "Run" {
			continue
		}
		older, newer := other, r
		if older.index > newer.index || older.index == newer.index && slices.Index(w.runs, older) > slices.Index(w.runs, newer) {
			older, newer = newer, older
		}
		pair := older.object() + " " + newer.object()
		if w.met[pair] {
			continue
		}
		w.met[pair] = true
		var clusters []string
		back := ""
		if older == other { // it waits, and goes on after the newer one
			clusters, back = w.takenBack(older, newer)
		}
		w.warn(newer.warning("runs-concurrent", fmt.Sprintf("%s is under way on the same placement: whichever takes a cluster that the other is updating ends that one for good%s", older.key(), back), "stop or delete the older run first", clusters...))
	}
}

// takenBack is what an older run does to clusters that it has not come to when it goes on
// after a newer one: it puts them back to what it ships.
func (w *world) takenBack(older, newer *runState) (clusters []string, text string) {
	was, is := older.p.snapshots.find(older.index), older.p.snapshots.find(newer.index)
	if was == nil || is == nil || older.index == newer.index {
		return nil, ""
	}
	var changes []string
	for _, s := range older.stages {
		for _, cluster := range s.clusters {
			m := w.member(cluster)
			if s.done[cluster] || m == nil {
				continue
			}
			clusters = append(clusters, cluster)
			before, _ := render(is.objects, newer.overrides[cluster], m, w.release)
			after, _ := render(was.objects, older.overrides[cluster], m, w.release)
			changes = append(changes, modeChanges(before, after)...)
		}
	}
	if len(clusters) == 0 {
		return nil, ""
	}
	text = fmt.Sprintf("; when %s goes on, by an approval or after a wait, it puts these clusters back from index %d to %d", older.key(), newer.index, older.index)
	if slices.Sort(changes); len(changes) > 0 {
		text += " (" + strings.Join(slices.Compact(changes), ", ") + ")"
	}
	return clusters, text
}

// modeChanges names the policies that decide otherwise: "ClusterPolicy/p Enforce → Audit".
func modeChanges(before, after []rendered) []string {
	modes := map[string]policy.Mode{}
	for _, o := range before {
		modes[objectID(o.object)] = policy.ModeOf(o.object)
	}
	var out []string
	for _, o := range after {
		is := policy.ModeOf(o.object)
		if was, ok := modes[objectID(o.object)]; ok && was != is {
			out = append(out, fmt.Sprintf("%s/%s %s → %s", o.object.Kind, o.object.Name, was, is))
		}
	}
	return out
}
