package placement

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// evict deals with the evictions that are new, in the order of names. Each is looked at
// once; its answer is final.
func (w *world) evict() {
	evictions := w.evictions
	w.evictions = nil
	for _, e := range evictions {
		p := w.placement("ClusterResourcePlacement//" + e.placement)
		reason, message := w.judge(e, p)
		note := reason + ": " + message
		if reason == evictionExecuted {
			w.withdraw(p, e.cluster)
		}
		w.record(Stage{Name: "eviction " + e.Name, Placement: e.placement, Note: note}, nil)
		if reason == evictionExecuted {
			w.reschedule(p) // an evicted cluster may be picked again at once
		}
	}
}

const (
	evictionInvalid     = "ClusterResourcePlacementEvictionInvalid"
	evictionExecuted    = "ClusterResourcePlacementEvictionExecuted"
	evictionNotExecuted = "ClusterResourcePlacementEvictionNotExecuted"
)

// judge is KubeFleet's answer to an eviction.
func (w *world) judge(e *eviction, p *placed) (reason, message string) {
	if p == nil {
		return evictionInvalid, "Failed to find ClusterResourcePlacement targeted by eviction"
	}
	kind := p.placementType()
	if kind == PickFixed {
		return evictionInvalid, "Found ClusterResourcePlacement with PickFixed placement type targeted by eviction"
	}
	if !slices.ContainsFunc(p.bindings, func(b *binding) bool { return b.Cluster == e.cluster }) {
		return evictionInvalid, "Failed to find scheduler decision for placement in cluster targeted by eviction"
	}
	d := p.deliveries[e.cluster]
	switch {
	case d == nil:
		return evictionNotExecuted, "Eviction is blocked, placement has not propagated resources to target cluster yet"
	case d.failure != "" || d.apply.Type == "ReportDiff":
		return evictionExecuted, "Eviction is allowed, placement has failed"
	}
	i := slices.IndexFunc(w.hub.budgets, func(b *budget) bool { return b.Name == p.Name })
	if i < 0 {
		return evictionExecuted, "Eviction is allowed, no ClusterResourcePlacementDisruptionBudget specified"
	}
	return judgeBudget(p, kind, w.hub.budgets[i].spec)
}

// judgeBudget asks a disruption budget. Clusters count as available as soon as their
// resources are applied, tracked or not.
func judgeBudget(p *placed, kind PlacementType, spec budgetSpec) (reason, message string) {
	if kind == PickAll && (spec.MaxUnavailable != nil || spec.MinAvailable != nil && spec.MinAvailable.Type == intstr.String) {
		return evictionNotExecuted, "Eviction is blocked by misconfigured ClusterResourcePlacementDisruptionBudget, either MaxUnavailable is specified or MinAvailable is specified as a percentage for PickAll ClusterResourcePlacement"
	}
	total, available := len(p.bindings), 0
	for _, b := range p.bindings {
		if d := p.deliveries[b.Cluster]; d.ready(never) && d.apply.Type != "ReportDiff" {
			available++
		}
	}
	wanted := 0
	if kind == PickN {
		wanted = p.target(total)
	}
	allowed := 0
	switch {
	case spec.MaxUnavailable != nil:
		allowed = ceil(spec.MaxUnavailable, wanted) - (total - available)
	case spec.MinAvailable != nil:
		allowed = available - ceil(spec.MinAvailable, wanted)
	}
	if allowed > 0 {
		return evictionExecuted, fmt.Sprintf("Eviction is allowed by specified ClusterResourcePlacementDisruptionBudget, availablePlacements: %d, totalPlacements: %d", available, total)
	}
	return evictionNotExecuted, fmt.Sprintf("Eviction is blocked by specified ClusterResourcePlacementDisruptionBudget, availablePlacements: %d, totalPlacements: %d", available, total)
}
