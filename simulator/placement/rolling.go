package placement

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// candidates are the bindings of a placement as its rollout sees them.
type candidates struct {
	removes []*binding // unscheduled
	updates []*binding // bound, outdated
	failed  []*binding // bound, outdated, and failed: updated without limit
	bounds  []*binding // scheduled, not bound so far
	ready   int
	canBe   int // that are or may become ready: bound or unscheduled, and not failed
	target  int
}

// makeSnapshot makes the resource snapshot that was due, which starts a rollout.
func (w *world) makeSnapshot(p *placed) {
	p.snapshotDue = never
	p.snapshots.add(p.content, p.historyLimit(), w.now)
	p.rollDue = w.now
}

// rolls tells whether the hub agent rolls the placement out by itself.
func (p *placement) rolls() bool { return p.spec.Strategy.Type != external }

// desired are the overrides of a binding as a rollout would write them now.
func (w *world) desired(p *placed, snapshot *resourceSnapshot, cluster string) []overrideSnapshot {
	m := w.member(cluster)
	if m == nil {
		return nil
	}
	return pickOverrides(matchOverrides(w.book.latest(), p.key, snapshot.objects, w.release), m)
}

// classify sorts bindings by what a rollout may do to them, in the order of their names.
func (w *world) classify(p *placed) candidates {
	var c candidates
	snapshot := p.snapshots.latest()
	for _, b := range p.sortedBindings() {
		d := p.deliveries[b.Cluster]
		if d.ready(w.now) {
			c.ready++
		}
		failed := d != nil && d.failure != ""
		if b.State != scheduled && !failed && (d == nil || d.apply.Type != "ReportDiff" || d.unreached) {
			c.canBe++
		}
		switch {
		case b.State == unscheduled:
			c.removes = append(c.removes, b)
			continue
		case b.State == scheduled || d == nil:
			c.bounds = append(c.bounds, b)
		case w.member(b.Cluster) == nil: // the scheduler has not seen yet that it left
		case d.index == snapshot.index && sameOverrides(d.overrides, w.desired(p, snapshot, b.Cluster)):
		case failed:
			c.failed = append(c.failed, b)
		default:
			c.updates = append(c.updates, b)
		}
		c.target++
	}
	c.target = p.target(c.target)
	return c
}

func (p *placed) sortedBindings() []*binding {
	sorted := slices.Clone(p.bindings)
	slices.SortStableFunc(sorted, func(a, b *binding) int { return strings.Compare(a.Cluster, b.Cluster) })
	return sorted
}

// target is how many clusters a rollout aims at: what the policy asks for, and under
// PickAll what the scheduler picked.
func (p *placement) target(picked int) int {
	switch policy := p.spec.Policy; {
	case policy == nil:
	case policy.PlacementType == PickN && policy.NumberOfClusters != nil:
		return *policy.NumberOfClusters
	case policy.PlacementType == PickFixed:
		return len(policy.ClusterNames)
	}
	return picked
}

// limits are how many clusters may be taken down or updated, and how many added, at once.
// Both percentages are rounded up.
func (p *placement) limits(c candidates) (remove, add int) {
	unavailable, surge := ceil(nil, c.target), ceil(nil, c.target)
	if r := p.spec.Strategy.RollingUpdate; r != nil {
		unavailable, surge = ceil(r.MaxUnavailable, c.target), ceil(r.MaxSurge, c.target)
	}
	return c.ready - (c.target - unavailable), c.target + surge - c.canBe
}

// ceil scales a number or percentage, rounded up; 25% is the default.
func ceil(v *intstr.IntOrString, total int) int {
	fallback := intstr.FromString("25%")
	if v == nil {
		v = &fallback
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, total, true)
	if err != nil {
		return 0
	}
	return n
}

// pick takes the bindings of the next wave: failed ones without limit, removals before
// updates, and new clusters as far as the surge goes.
func (p *placement) pick(c candidates) (removes, updates []*binding) {
	remove, add := p.limits(c)
	remove, add = max(remove, 0), max(add, 0)
	removes = c.removes[:min(remove, len(c.removes))]
	updates = append(updates, c.failed...)
	updates = append(updates, c.updates[:min(remove-len(removes), len(c.updates))]...)
	updates = append(updates, c.bounds[:min(add, len(c.bounds))]...)
	return removes, updates
}

// roll is one look of the rollout controller at a placement.
func (w *world) roll(p *placed) {
	p.rollDue = never
	snapshot := p.snapshots.latest()
	if snapshot == nil || !p.rolls() {
		return
	}
	c := w.classify(p)
	removes, updates := p.pick(c)
	first := len(p.deliveries) == 0
	for _, b := range removes {
		w.withdraw(p, b.Cluster)
	}
	for _, b := range updates {
		b.State = bound
		w.deliver(p, b.Cluster, snapshot, w.desired(p, snapshot, b.Cluster))
	}
	if len(removes)+len(updates) > 0 {
		w.recordWave(p, first, removes, updates)
	}
	if outstanding := len(c.removes) + len(c.updates) + len(c.bounds) - len(removes) - len(updates) + len(c.failed); outstanding > 0 {
		w.waitForReady(p, outstanding)
	}
}

// waitForReady has the rollout go on when the next cluster counts as ready.
func (w *world) waitForReady(p *placed, outstanding int) {
	next := never
	for _, d := range p.deliveries {
		if d.failure == "" && !d.unreached && d.readyAt > w.now {
			next = min(next, d.readyAt)
		}
	}
	if next != never {
		p.rollDue = next
		return
	}
	w.warnStalled(p, outstanding)
}

func (w *world) recordWave(p *placed, first bool, removes, updates []*binding) {
	s := Stage{Placement: p.key, Note: w.failures(p, updates)}
	if first {
		s.Name = "first rollout"
		w.warnFirst(p, updates)
	}
	quiet := s.Note == ""
	if i := w.record(s, nil); i >= 0 {
		p.waves = append(p.waves, i)
		if quiet && len(removes) > 0 {
			w.stages[i].Note = fmt.Sprintf("removed from %s: the scheduling policy no longer selects it", strings.Join(clustersOf(removes), ", "))
		}
	}
}

// failures tells which of the bindings have failed, and why, in KubeFleet's words.
func (w *world) failures(p *placed, bindings []*binding) string {
	var out []string
	for _, b := range bindings {
		d := p.deliveries[b.Cluster]
		switch {
		case d == nil:
		case d.failure != "":
			out = append(out, b.Cluster+": "+d.failure)
		case len(d.reported) > 0:
			out = append(out, b.Cluster+": DiffReported: "+strings.Join(d.reported, "; "))
		case d.unreached:
			out = append(out, b.Cluster+": ApplyPending: the member cannot be reached")
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func clustersOf(bindings []*binding) []string {
	var out []string
	for _, b := range bindings {
		out = append(out, b.Cluster)
	}
	return out
}
