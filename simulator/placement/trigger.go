package placement

import (
	"maps"
	"slices"
	"time"
)

// reschedules tells whether a change of a member makes KubeFleet's scheduler look at a
// placement again. before is nil for a member that joins, after is nil or leaving for one
// that goes. fulfilled says whether the placement's Scheduled condition is True.
//
// A member that leaves concerns every placement. Other changes concern those that could
// take the member now: PickAll, and others that lack clusters. What makes a member less
// fit (a taint, an agent that falls silent) concerns none.
func reschedules(p *placement, before, after *Member, at time.Time, fulfilled bool) bool {
	switch {
	case after == nil || after.Leaving:
		return before != nil && !before.Leaving
	case p.placementType() != PickAll && fulfilled:
		return false
	case before == nil:
		return after.ineligible(at) == "" // its creation says nothing, its getting ready does
	}
	return !maps.Equal(before.Labels, after.Labels) ||
		slices.ContainsFunc(before.Taints, func(t Taint) bool { return !slices.Contains(after.Taints, t) }) ||
		!maps.Equal(before.Properties, after.Properties) ||
		!maps.Equal(before.namespaces(), after.namespaces()) ||
		before.ineligible(at) != "" && after.ineligible(at) == ""
}

func (m *Member) namespaces() map[string]string {
	if m.status == nil {
		return nil
	}
	return m.status.Namespaces
}
