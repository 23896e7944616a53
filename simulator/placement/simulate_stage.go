package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// touched marks a member whose holdings may have changed.
func (w *world) touched(cluster string) { w.dirty[cluster] = true }

// refresh makes the states of members that changed. It returns those whose objects are
// others than before, by name; a State that stays the same stays shared.
func (w *world) refresh() []string {
	var changed []string
	for _, cluster := range sortedKeys(w.dirty) {
		next := w.stateOf(cluster)
		now := w.states[cluster]
		if now == nil || !sameObjects(now, next) {
			if now != nil || len(next.Delivered) > 0 {
				changed = append(changed, cluster)
			}
			w.states[cluster] = next
		} else if !sameStale(now, next) {
			w.states[cluster] = next
		}
	}
	clear(w.dirty)
	return changed
}

func (w *world) stateOf(cluster string) *State {
	s := &State{Delivered: []Delivered{}}
	for _, id := range sortedKeys(w.held[cluster]) {
		s.Delivered = append(s.Delivered, w.held[cluster][id].Delivered)
	}
	slices.SortStableFunc(s.Delivered, func(a, b Delivered) int { return strings.Compare(sortKey(a), sortKey(b)) })
	return s
}

func sortKey(d Delivered) string {
	group, _ := splitVersion(d.Object.APIVersion)
	return strings.Join([]string{group, d.Object.Kind, d.Object.Namespace, d.Object.Name}, "\x00")
}

func sameObjects(a, b *State) bool {
	return slices.EqualFunc(a.Delivered, b.Delivered, func(x, y Delivered) bool {
		return x.Object.Digest == y.Object.Digest && objectID(x.Object) == objectID(y.Object) && x.Placement == y.Placement && x.Index == y.Index && slices.Equal(x.Overrides, y.Overrides)
	})
}

func sameStale(a, b *State) bool {
	return slices.EqualFunc(a.Delivered, b.Delivered, func(x, y Delivered) bool { return x.Stale == y.Stale })
}

// record adds a stage with the members that changed; order, when given, is the order in
// which they did. It returns the stage's index, -1 when nothing changed and no note was given.
func (w *world) record(s Stage, order []string) int {
	changed := w.refresh()
	if len(order) > 0 {
		slices.SortStableFunc(changed, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	}
	if w.quiet || len(changed) == 0 && s.Note == "" {
		return -1
	}
	s.Clusters = append([]string{}, changed...)
	s.At = w.now
	s.States = maps.Clone(w.states)
	w.stages = append(w.stages, s)
	if len(changed) > 0 {
		w.wake()
	}
	return len(w.stages) - 1
}

// wake has runs that wait for a cluster look again.
func (w *world) wake() {
	for _, r := range w.runs {
		if r.stuck {
			r.due = w.now
		}
	}
}

// nameWaves names the stages of a rollout once it is known how many there are.
func (w *world) nameWaves(p *placed) {
	n := 0
	for _, i := range p.waves {
		if w.stages[i].Name == "" {
			n++
		}
	}
	k := 0
	for _, i := range p.waves {
		if w.stages[i].Name == "" {
			k++
			w.stages[i].Name = fmt.Sprintf("wave %d of %d", k, n)
		}
	}
	p.waves = nil
}

func (w *world) warn(warning Warning) {
	slices.Sort(warning.Members)
	if !slices.ContainsFunc(w.warnings, func(x Warning) bool {
		return x.Code == warning.Code && x.Object == warning.Object && x.Text == warning.Text
	}) {
		w.warnings = append(w.warnings, warning)
	}
}

func (p *placed) object() string { return p.kind + "/" + p.key }
