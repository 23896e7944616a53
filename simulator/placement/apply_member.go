package placement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// holding is an object that a member has from a placement.
type holding struct {
	owner string // the placement's id
	Delivered
}

// deliver points a binding at a snapshot and has its Works written and applied.
func (w *world) deliver(p *placed, cluster string, snapshot *resourceSnapshot, overrides []overrideSnapshot) {
	d := p.deliveries[cluster]
	if d == nil {
		d = &delivery{workIndex: -1}
		p.deliveries[cluster] = d
	}
	d.index, d.overrides, d.apply = snapshot.index, overrides, p.applyStrategy()
	work, failure := render(snapshot.objects, overrides, w.member(cluster), w.release)
	if missing := w.book.missing(overrides); missing != "" {
		failure = overriddenFailed(errors.New(missing))
	}
	d.failure = failure
	if failure != "" {
		w.markStale(p, cluster, failure) // the old Work stays
		return
	}
	d.work, d.workIndex = work, snapshot.index
	if p.shipped[snapshot.index] == nil {
		p.shipped[snapshot.index] = map[string][]overrideSnapshot{}
	}
	p.shipped[snapshot.index][cluster] = overrides
	w.reach(p, cluster, d, func() { w.applyWork(p, cluster, d) })
}

// reach does something on a member, now or when its agent can be reached again.
func (w *world) reach(p *placed, cluster string, d *delivery, do func()) {
	m := w.member(cluster)
	if m == nil || m.Leaving {
		return // its agent has gone, and leaves what is there
	}
	reason := w.unreachable(m)
	if reason == "" {
		do()
		return
	}
	if d != nil {
		d.unreached = true
	}
	w.markStale(p, cluster, "the member cannot be reached ("+reason+"): it keeps what it has")
	w.later[cluster] = append(w.later[cluster], do)
}

// applyWork is the member agent's work: objects that went are deleted, the others applied.
func (w *world) applyWork(p *placed, cluster string, d *delivery) {
	d.unreached, d.failure, d.reported = false, "", nil
	d.readyAt = w.now
	if d.apply.Type == "ReportDiff" {
		w.reportDiff(p, cluster, d)
		return
	}
	d.readyAt = settles(d.work, w.now, p.period())
	wanted := map[string]bool{}
	for _, o := range d.work {
		wanted[objectID(o.object)] = true
	}
	freed := w.drop(p, cluster, wanted)
	var refused []string
	for _, o := range d.work {
		if reason := w.applyObject(p, cluster, d, o); reason != "" {
			refused = append(refused, o.object.Kind+"/"+o.object.Name+": "+reason)
		}
	}
	if len(refused) > 0 {
		d.failure = fmt.Sprintf("ApplyFailed: Failed to apply all manifests (%d of %d manifests are applied): %s", len(d.work)-len(refused), len(d.work), strings.Join(refused, "; "))
	}
	w.touched(cluster)
	if p.rolls() {
		p.rollDue = w.now // the binding's condition Available has changed
	}
	w.retry(cluster, freed)
}

// applyObject applies one manifest; the reason says why it was not.
func (w *world) applyObject(p *placed, cluster string, d *delivery, o rendered) string {
	id := objectID(o.object)
	if w.held[cluster] == nil {
		w.held[cluster] = map[string]holding{}
	}
	now, known := w.held[cluster][id]
	if known && now.owner != p.id {
		return "FailedToTakeOver: the object is already owned by another Fleet AppliedWork object (placement " + now.Placement + ")"
	}
	if !known {
		if reason := w.homeless(p, cluster, o.object); reason != "" {
			return reason
		}
		if reason := w.takeOver(p, cluster, d, o.object); reason != "" {
			return reason
		}
	}
	if w.unguarded[cluster] && isPolicy(o.object) && now.Object.Digest != o.object.Digest {
		if known {
			now.Stale = "Kyverno is down on the member, and its webhook refuses the update"
			w.held[cluster][id] = now
		}
		return "failed calling webhook: Kyverno is down"
	}
	if reason := w.refusal(p, cluster, o.object, now.Object); reason != "" {
		if known {
			now.Stale = reason
			w.held[cluster][id] = now
		}
		return reason
	}
	w.held[cluster][id] = holding{owner: p.id, Delivered: Delivered{Object: o.object, Placement: p.key, Index: d.workIndex, Overrides: o.by}}
	if isNamespace(&o.object) && !known {
		w.arrived(p, cluster, o.object.Name)
	}
	return ""
}

// withdraw takes a placement's objects from a member, with its binding.
func (w *world) withdraw(p *placed, cluster string) {
	delete(p.deliveries, cluster)
	p.bindings = slices.DeleteFunc(p.bindings, func(b *binding) bool { return b.Cluster == cluster })
	w.reach(p, cluster, nil, func() {
		freed := w.drop(p, cluster, nil)
		w.touched(cluster)
		w.retry(cluster, freed)
	})
}

// drop takes from a member what it has of a placement and is not wanted any longer, with
// all that lies in a namespace that goes.
func (w *world) drop(p *placed, cluster string, wanted map[string]bool) (freed []string) {
	var namespaces []string
	for _, id := range sortedKeys(w.held[cluster]) {
		if h := w.held[cluster][id]; h.owner == p.id && !wanted[id] {
			delete(w.held[cluster], id)
			freed = append(freed, id)
			if isNamespace(&h.Object) {
				namespaces = append(namespaces, h.Object.Name)
			}
		}
	}
	for _, namespace := range namespaces {
		freed = append(freed, w.dissolve(p, cluster, namespace)...)
	}
	return freed
}

// retry lets other placements apply what nobody owns any longer on the member.
func (w *world) retry(cluster string, freed []string) {
	if len(freed) == 0 {
		return
	}
	for _, p := range w.order {
		d := p.deliveries[cluster]
		if d == nil || d.failure == "" || d.workIndex < 0 {
			continue
		}
		if slices.ContainsFunc(d.work, func(o rendered) bool { return slices.Contains(freed, objectID(o.object)) }) {
			w.applyWork(p, cluster, d)
		}
	}
}

// markStale says of a placement's objects on a member why they are not the newest.
func (w *world) markStale(p *placed, cluster, why string) {
	for id, h := range w.held[cluster] {
		if h.owner == p.id {
			h.Stale = why
			w.held[cluster][id] = h
		}
	}
	w.touched(cluster)
}

// markMember says of all objects on a member why they are not the newest.
func (w *world) markMember(cluster, why string) {
	for id, h := range w.held[cluster] {
		h.Stale = why
		w.held[cluster][id] = h
	}
	w.touched(cluster)
}
