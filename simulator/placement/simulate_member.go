package placement

import (
	"fmt"
	"strings"
)

// memberEvent changes a member, has placements scheduled anew where KubeFleet does, and
// tells what that comes to.
func (w *world) memberEvent(e Event) (string, error) {
	members, err := e.apply(w.members, w.clock)
	if err != nil {
		return "", err
	}
	changes := w.setMembers(members)
	if w.down {
		w.missed = append(w.missed, changes...)
		return "the hub cannot be reached: it does not learn of this before it is back", nil
	}
	w.learn(changes)
	return w.consequence(e), nil
}

// learn has the hub's controllers look at changes of members.
func (w *world) learn(changes []memberChange) {
	for _, p := range w.order {
		w.membersChanged(p, changes)
	}
	for _, r := range w.runs {
		if !r.ended {
			r.due = w.now
		}
	}
}

// hubIsBack has the hub learn of what it missed.
func (w *world) hubIsBack() {
	w.down = false
	w.learn(w.missed)
	w.missed = nil
}

// consequence is what KubeFleet makes of an event of a member.
func (w *world) consequence(e Event) string {
	var out []string
	switch e.Verb {
	case "leaves":
		out = append(out, "the cluster keeps what it has, and nobody brings it up to date any longer")
	case "joins":
		out = append(out, w.unshippedTo(e.Subject))
	case "label":
		out = append(out, w.kept(e.Subject, "a label that no longer matches never unselects"), w.waitingOverrides(e.Subject), w.brokenOverrides(e.Subject))
	case "property":
		out = append(out, w.kept(e.Subject, "a property that no longer matches never unselects"))
	case "taint":
		out = append(out, w.kept(e.Subject, "a taint keeps new placements away and removes none; adding one has nothing scheduled anew"))
	case "unhealthy":
		out = append(out, w.kept(e.Subject, "an unhealthy cluster keeps its placements and gets no change until its agent is back; nothing is scheduled elsewhere"))
	case "healthy":
		out = append(out, "the cluster gets what waited for it")
	}
	return strings.Join(notEmpty(out), "\n")
}

// kept says why a member stays selected.
func (w *world) kept(cluster, why string) string {
	var names []string
	for _, p := range w.order {
		for _, b := range p.bindings {
			if b.Cluster == cluster && b.State != unscheduled {
				names = append(names, p.object())
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s stays on %s: %s", strings.Join(names, ", "), cluster, why)
}

// unshippedTo names the External placements that select a member and have brought nothing.
func (w *world) unshippedTo(cluster string) string {
	var out []string
	for _, p := range w.order {
		for _, b := range p.bindings {
			if b.Cluster == cluster && b.State == scheduled && !p.rolls() {
				out = append(out, p.object()+" selects the cluster, which gets nothing before the next update run")
			}
		}
	}
	return strings.Join(out, "\n")
}

// waitingOverrides says which placements would give a member other overrides now, and that
// nothing has them do so.
func (w *world) waitingOverrides(cluster string) string {
	var out []string
	for _, p := range w.order {
		d, latest := p.deliveries[cluster], p.snapshots.latest()
		if d == nil || latest == nil || w.member(cluster) == nil {
			continue
		}
		if next := w.desired(p, latest)(cluster); !sameOverrides(d.overrides, next) {
			out = append(out, fmt.Sprintf("other overrides of %s match the new labels (%s instead of %s): they come with the next rollout",
				p.object(), cmpOr(strings.Join(overrideIDs(next), ", "), "none"), cmpOr(strings.Join(overrideIDs(d.overrides), ", "), "none")))
		}
	}
	return strings.Join(out, "\n")
}

// brokenOverrides says which overrides that a member has would fail with its new labels.
// Works are not written again for labels alone.
func (w *world) brokenOverrides(cluster string) string {
	var out []string
	for _, p := range w.order {
		d, m := p.deliveries[cluster], w.member(cluster)
		if d == nil || d.failure != "" || m == nil {
			continue
		}
		if s := p.snapshots.find(d.index); s != nil {
			if _, failure := render(s.objects, d.overrides, m, w.release); failure != "" {
				out = append(out, fmt.Sprintf("the objects of %s stay as they are, and when KubeFleet looks at the cluster again it reports %s", p.object(), failure))
			}
		}
	}
	return strings.Join(out, "\n")
}

func notEmpty(lines []string) []string {
	var out []string
	for _, l := range lines {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}
