package placement

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// selectContent resolves the selectors of a placement. Changed content becomes a resource
// snapshot after a while; under External only a run makes one.
func (w *world) selectContent(p *placed) {
	s := w.hub.selects(p.placement)
	if !w.quiet {
		for _, warning := range s.warnings {
			w.warn(warning)
		}
	}
	p.failed = s.refused != nil
	p.snapshotDue = never
	if p.failed {
		p.scheduled = *s.refused // nothing is scheduled anew; what is there stays
		return
	}
	p.content, p.selected = s.objects, s.refs()
	if at, ok := p.snapshots.due(p.content, w.now); ok && p.rolls() {
		p.snapshotDue = at
	}
}

// reschedule runs the scheduler for a placement. Bindings that are new, restored or
// unscheduled have the rollout look.
func (w *world) reschedule(p *placed) {
	if p.failed {
		return
	}
	p.policy.observe(p.spec.Policy)
	bindings, decisions, scheduled, err := schedule(p.placement, p.policy.index, w.members, p.bindings, w.clock)
	p.scheduled = scheduled
	if err != nil {
		p.scheduled.Message = err.Error()
		return
	}
	changed := !slices.EqualFunc(bindings, p.bindings, func(a, b *binding) bool {
		return a.Cluster == b.Cluster && a.State == b.State && a.PolicyIndex == b.PolicyIndex
	})
	p.bindings, p.decisions = bindings, decisions
	if changed && p.rolls() {
		p.rollDue = w.now
	}
}

// unreachable is the reason why a member's agent does not get what the hub has for it;
// empty when it does.
func (w *world) unreachable(m *Member) string {
	if m.status == nil || m.Leaving {
		return ""
	}
	agent := m.agent()
	if agent == nil {
		return "its agent is not online yet"
	}
	if beat := agent.LastReceivedHeartbeat; beat == nil || w.clock.Sub(beat.Time) > unhealthyAfter {
		return "its agent sends no heartbeat"
	}
	if healthy := condition(agent.Conditions, "Healthy"); healthy != nil && healthy.Status == metav1.ConditionFalse {
		return "its agent reports it unhealthy"
	}
	return ""
}
