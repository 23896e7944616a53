package placement

import (
	"slices"

	"github.com/seatrial/seatrial/simulator/policy"
)

// refusals are the objects and files of a hub that could not be taken.
type refusals struct {
	objects map[string]bool // "Kind/name", "Kind/namespace/name"
	files   map[string]bool // of which a document could not be read, whatever it holds
}

// anyFile stands for the file of an object of which it is not known: it may be any that
// could not be read.
const anyFile = "*"

func refusalsOf(h *Hub) refusals {
	r := refusals{map[string]bool{}, map[string]bool{}}
	for _, p := range h.Problems {
		if p.Policy == "" && p.File != "" {
			r.files[p.File], r.files[anyFile] = true, true
		}
		r.objects[p.Policy] = true
	}
	return r
}

func (r refusals) holds(ref, file string) bool { return r.objects[ref] || r.files[file] }

// keeping is the hub with the objects of an earlier state whose new version is refused or
// cannot be read: an API server leaves them as they were. What the new state does not
// mention is deleted.
func (h *Hub) keeping(before *Hub) *Hub {
	if before == nil || len(h.Problems) == 0 {
		return h
	}
	r := refusalsOf(h)
	out := *h
	out.Members = keep(h.Members, before.Members, r, func(m *Member) (string, string) { return "MemberCluster/" + m.Name, anyFile })
	out.Objects = keepObjects(h.Objects, before.Objects, r)
	out.placements = keep(h.placements, before.placements, r, func(p *placement) (string, string) { return refName(p.kind, p.meta), p.file })
	out.overrides = keep(h.overrides, before.overrides, r, func(o *override) (string, string) { return refName(o.kind, o.meta), o.file })
	out.strategies = keep(h.strategies, before.strategies, r, func(s *strategy) (string, string) { return refName(s.kind, s.meta), s.file })
	out.runs = keep(h.runs, before.runs, r, func(x *run) (string, string) { return refName(x.kind, x.meta), x.file })
	out.budgets = keep(h.budgets, before.budgets, r, func(b *budget) (string, string) {
		return refName("ClusterResourcePlacementDisruptionBudget", b.meta), b.file
	})
	return &out
}

// keep adds the objects of before that are refused now and so not in the list.
func keep[T any](now, before []*T, r refusals, name func(*T) (ref, file string)) []*T {
	there := map[string]bool{}
	for _, o := range now {
		ref, _ := name(o)
		there[ref] = true
	}
	out := slices.Clone(now)
	for _, o := range before {
		if ref, file := name(o); r.holds(ref, file) && !there[ref] {
			out = append(out, o)
		}
	}
	return out
}

// keepObjects does the same for what placements select, such as a policy of which a version
// is written that does not exist. Policy sets name these without their namespace.
func keepObjects(now, before []policy.Object, r refusals) []policy.Object {
	out := slices.Clone(now)
	for i := range before {
		o := &before[i]
		if !r.holds(refOf(o).String(), o.File) && !r.objects[o.Kind+"/"+o.Name] {
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
