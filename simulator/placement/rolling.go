package placement

import (
	"fmt"
	"slices"
	"strings"
)

// makeSnapshot makes the resource snapshot that was due, which starts a rollout.
func (w *world) makeSnapshot(p *placed) {
	p.snapshotDue = never
	p.snapshots.add(p.content, p.historyLimit(), w.now)
	p.rollDue = w.now
}

// rolls tells whether the hub agent rolls the placement out by itself.
func (p *placement) rolls() bool { return p.spec.Strategy.Type != external }

// desired are the overrides of a binding as a rollout would write them now.
func (w *world) desired(p *placed, snapshot *resourceSnapshot) func(cluster string) []overrideSnapshot {
	matched := matchOverrides(w.book.latest(), p.key, snapshot.objects, w.release)
	return func(cluster string) []overrideSnapshot {
		m := w.member(cluster)
		if m == nil {
			return nil
		}
		return pickOverrides(matched, m)
	}
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
	desired := w.desired(p, snapshot)
	for _, b := range removes {
		w.withdraw(p, b.Cluster)
	}
	for _, b := range updates {
		b.State = bound
		w.deliver(p, b.Cluster, snapshot, desired(b.Cluster))
	}
	if len(removes)+len(updates) > 0 {
		w.recordWave(p, first, removes, updates)
	}
	if len(removes)+len(updates) > 0 {
		p.rollDue = w.now // removals make room, and what is tracked is ready at once
		return
	}
	if outstanding := len(c.removes) + len(c.updates) + len(c.bounds); outstanding > 0 {
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
		removed := slices.DeleteFunc(clustersOf(removes), func(c string) bool { return w.left[c] })
		if quiet && len(removed) > 0 {
			w.stages[i].Note = fmt.Sprintf("removed from %s: the scheduling policy no longer selects it", strings.Join(removed, ", "))
		}
	}
}

// failures tells which of the bindings have failed, and why, in KubeFleet's words.
func (w *world) failures(p *placed, bindings []*binding) string {
	why := map[string]string{}
	for _, b := range bindings {
		if d := p.deliveries[b.Cluster]; d != nil {
			why[b.Cluster] = d.trouble()
		}
	}
	return troubles(why)
}

func clustersOf(bindings []*binding) []string {
	var out []string
	for _, b := range bindings {
		out = append(out, b.Cluster)
	}
	return out
}
