package placement

import (
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

// classify sorts bindings by what a rollout may do to them, in the order of their names.
func (w *world) classify(p *placed) candidates {
	var c candidates
	snapshot := p.snapshots.latest()
	desired := w.desired(p, snapshot)
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
		case d.index == snapshot.index && sameOverrides(d.overrides, desired(b.Cluster)):
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
