package placement

import (
	"slices"

	"github.com/seatrial/seatrial/simulator/policy"
)

// keeping is the hub with the objects of an earlier state whose new version is refused:
// an API server leaves them as they were. Deleted objects are not among them.
func (h *Hub) keeping(before *Hub) *Hub {
	if before == nil || len(h.Problems) == 0 {
		return h
	}
	refused := map[string]bool{}
	for _, p := range h.Problems {
		refused[p.Policy] = true
	}
	out := *h
	out.Objects = keepObjects(h.Objects, before.Objects, refused)
	out.placements = keep(h.placements, before.placements, refused, func(p *placement) (string, meta) { return p.kind, p.meta })
	out.overrides = keep(h.overrides, before.overrides, refused, func(o *override) (string, meta) { return o.kind, o.meta })
	out.strategies = keep(h.strategies, before.strategies, refused, func(s *strategy) (string, meta) { return s.kind, s.meta })
	out.runs = keep(h.runs, before.runs, refused, func(r *run) (string, meta) { return r.kind, r.meta })
	out.budgets = keep(h.budgets, before.budgets, refused, func(b *budget) (string, meta) {
		return "ClusterResourcePlacementDisruptionBudget", b.meta
	})
	return &out
}

// keep adds the objects of before that are refused now and so not in the list.
func keep[T any](now, before []*T, refused map[string]bool, name func(*T) (kind string, m meta)) []*T {
	there := map[string]bool{}
	for _, o := range now {
		there[refName(name(o))] = true
	}
	out := slices.Clone(now)
	for _, o := range before {
		if ref := refName(name(o)); refused[ref] && !there[ref] {
			out = append(out, o)
		}
	}
	return out
}

// keepObjects does the same for what placements select, such as a policy of which a version
// is written that does not exist. Policy sets name these without their namespace.
func keepObjects(now, before []policy.Object, refused map[string]bool) []policy.Object {
	out := slices.Clone(now)
	for i := range before {
		o := &before[i]
		if !refused[refOf(o).String()] && !refused[o.Kind+"/"+o.Name] {
			continue
		}
		if !slices.ContainsFunc(now, func(x policy.Object) bool { return refOf(&x).key() == refOf(o).key() }) {
			out = append(out, *o)
		}
	}
	return out
}

func refName(kind string, m meta) string {
	return ObjectRef{Kind: kind, Namespace: m.Namespace, Name: m.Name}.String()
}
