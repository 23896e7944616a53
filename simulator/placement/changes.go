package placement

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/simulator/policy"
)

// following is the hub when its objects are applied over those of an earlier state.
// Updates that an API server or KubeFleet refuses are Problems, and leave the object as it
// was before. Objects that are in one of the states only are no updates.
func (h *Hub) following(before *Hub) *Hub {
	if before == nil {
		return h
	}
	out := *h
	out.placements, out.overrides, out.runs = slices.Clone(h.placements), slices.Clone(h.overrides), slices.Clone(h.runs)
	out.Problems = slices.Clone(h.Problems)
	refuse := func(at source, kind string, m meta, reason string) {
		ref := ObjectRef{Kind: kind, Namespace: m.Namespace, Name: m.Name}
		out.Problems = append(out.Problems, policy.Problem{File: at.file, Line: at.line, Policy: ref.String(), Reason: reason + ": the update is refused, and the object stays as it was"})
	}
	for i, now := range out.placements {
		if was := before.placement(now.kind, now.meta); was != nil {
			if reason := was.refusesChange(now); reason != "" {
				refuse(now.source, now.kind, now.meta, reason)
				out.placements[i] = was
			}
		}
	}
	for i, now := range out.overrides {
		j := slices.IndexFunc(before.overrides, func(o *override) bool { return o.kind == now.kind && sameName(o.meta, now.meta) })
		if j >= 0 && now.version != "v1alpha1" && !samePlacement(before.overrides[j].spec.Placement, now.spec.Placement) {
			refuse(now.source, now.kind, now.meta, "The placement field is immutable")
			out.overrides[i] = before.overrides[j]
		}
	}
	for i, now := range out.runs {
		j := slices.IndexFunc(before.runs, func(r *run) bool { return r.kind == now.kind && sameName(r.meta, now.meta) })
		if j < 0 {
			continue
		}
		if reason := before.runs[j].refusesChange(now); reason != "" {
			refuse(now.source, now.kind, now.meta, reason)
			out.runs[i] = before.runs[j]
		}
	}
	return &out
}

// placement is the placement of a kind and name; nil when there is none.
func (h *Hub) placement(kind string, m meta) *placement {
	i := slices.IndexFunc(h.placements, func(p *placement) bool { return p.kind == kind && sameName(p.meta, m) })
	if i < 0 {
		return nil
	}
	return h.placements[i]
}

func sameName(a, b meta) bool { return a.Namespace == b.Namespace && a.Name == b.Name }

func samePlacement(a, b *placementRef) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// refusesChange says why a placement may not become another; "" when it may. Only
// ClusterResourcePlacements have a webhook, which fills in a policy and guards tolerations.
func (p *placement) refusesChange(now *placement) string {
	clusterScoped := p.kind == "ClusterResourcePlacement"
	switch {
	case !clusterScoped && p.policyGiven && !now.policyGiven:
		return "spec: policy cannot be removed once set"
	case p.placementType() != now.placementType() && (clusterScoped || p.policyGiven):
		return "placement type is immutable"
	case p.spec.Strategy.Type == external && now.spec.Strategy.Type != external:
		return "spec.strategy.type: cannot change rollout strategy type from 'External' to other types"
	case clusterScoped && p.spec.StatusReportingScope != now.spec.StatusReportingScope:
		return "spec: statusReportingScope is immutable"
	case clusterScoped && slices.ContainsFunc(p.tolerations(), func(t toleration) bool { return !slices.Contains(now.tolerations(), t) }):
		return "tolerations have been updated/deleted, only additions to tolerations are allowed"
	}
	return ""
}

func (p *placement) tolerations() []toleration {
	if p.spec.Policy == nil {
		return nil
	}
	return p.spec.Policy.Tolerations
}

// refusesChange says why a run may not become another; "" when it may.
func (r *run) refusesChange(now *run) string {
	was, is := r.spec, now.spec
	switch {
	case now.version == "v1alpha1" && (was.PlacementName != is.PlacementName || was.StrategyName != is.StrategyName || was.ResourceSnapshotIndex != is.ResourceSnapshotIndex):
		return "spec: The spec field is immutable"
	case was.PlacementName != is.PlacementName:
		return "spec.placementName: placementName is immutable"
	case was.ResourceSnapshotIndex != "" && is.ResourceSnapshotIndex != "" && was.ResourceSnapshotIndex != is.ResourceSnapshotIndex:
		return "spec.resourceSnapshotIndex: resourceSnapshotIndex is immutable"
	case was.StrategyName != is.StrategyName:
		return "spec.stagedRolloutStrategyName: stagedRolloutStrategyName is immutable"
	case was.State == stateInitialize && is.State == stateStop, was.State != stateInitialize && is.State == stateInitialize:
		return fmt.Sprintf("spec: invalid state transition: cannot transition from %s to %s", was.State, is.State)
	}
	return ""
}
