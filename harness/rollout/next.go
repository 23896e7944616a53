package rollout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/policy"
)

// next is the set that a stage leaves in force, and the changes that lead to it.
func (in Input) next(m *Member, before, candidate *policy.Set, s scenarios.Stage) (*policy.Set, []change, []string) {
	now := byKey(before)
	original := byKey(m.Sets[0])
	want := maps.Clone(now)
	var notes []string
	for _, k := range keys(original, byKey(candidate)) {
		base, inBase := original[k]
		object, inCandidate := byKey(candidate)[k]
		named := slices.Contains(s.Policies, k.name)
		if len(s.Policies) > 0 && !named {
			continue
		}
		switch {
		case inBase && inCandidate && in.Equal(base, object) && !(named && s.Mode == scenarios.Removed):
			if _, there := now[k]; there && in.Equal(now[k], base) {
				continue
			}
			want[k] = base // what an earlier stage changed is again as it was
		case s.Mode == scenarios.Baseline && inBase:
			want[k] = base
		case s.Mode == scenarios.Baseline || s.Mode == scenarios.Removed && inCandidate:
			delete(want, k)
		case s.Mode == scenarios.Removed:
		case !inCandidate:
			if s.Mode != scenarios.Audit && len(s.Namespaces) == 0 {
				delete(want, k)
			}
		default:
			shaped, note, ok := shape(object, s)
			if note != "" {
				notes = append(notes, note)
			}
			if !ok {
				continue
			}
			if inBase && policy.ModeOf(base) == policy.Enforce && (policy.ModeOf(shaped) == policy.Audit || len(s.Namespaces) > 0) {
				notes = append(notes, fmt.Sprintf("%s: today %s is enforced; during this stage less is", m.Name, k))
			}
			want[k] = shaped
		}
	}
	return in.compare(m, now, want), in.changes(m, now, want), notes
}

// shape is a candidate's object as the stage writes it; ok is false when it is withheld.
func shape(o policy.Object, s scenarios.Stage) (out policy.Object, note string, ok bool) {
	out = o
	mode := policy.ModeOf(o)
	switch {
	case s.Mode == scenarios.Audit && mode != "":
		out, _ = policy.InMode(o, policy.Audit)
	case s.Mode == string(policy.Warn) && mode != "":
		out, _ = policy.InMode(o, policy.Warn)
	case s.Mode == scenarios.Enforce && mode != "":
		out, _ = policy.InMode(o, policy.Enforce)
	case s.Mode == scenarios.Audit && changesObjects(o):
		return o, fmt.Sprintf("%s %s changes objects and cannot audit: withheld", o.Kind, o.Name), false
	}
	if len(s.Namespaces) > 0 && o.Kind != "PolicyException" && o.Kind != "GlobalContextEntry" {
		if out, ok = policy.InNamespaces(out, s.Namespaces); !ok {
			return o, fmt.Sprintf("%s %s matches nothing in %s: withheld", o.Kind, o.Name, strings.Join(s.Namespaces, ", ")), false
		}
	}
	return out, "", true
}

// changesObjects says whether a policy without a mode does something by itself.
func changesObjects(o policy.Object) bool {
	return o.Kind != "PolicyException" && o.Kind != "GlobalContextEntry" && o.Kind != "ValidatingAdmissionPolicy"
}

type key struct{ group, kind, namespace, name string }

func (k key) String() string { return title(k.kind, k.namespace, k.name) }

func byKey(s *policy.Set) map[key]policy.Object {
	out := map[key]policy.Object{}
	for _, o := range s.Objects {
		out[keyOf(&o)] = o
	}
	return out
}

func keyOf(o *policy.Object) key {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return key{group, o.Kind, o.Namespace, o.Name}
}

func keys(sets ...map[key]policy.Object) []key {
	all := map[key]bool{}
	for _, s := range sets {
		for k := range s {
			all[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name), cmp.Compare(a.group, b.group))
	})
}

// compare is want as a set; one that changes nothing is the old one.
func (in Input) compare(m *Member, now, want map[key]policy.Object) *policy.Set {
	var objects []policy.Object
	for _, k := range keys(want) {
		objects = append(objects, want[k])
	}
	return policy.FromObjects(m.Name, objects)
}

// changes lists what differs, policies in order; what is deleted comes last, so that a
// migration to another kind leaves no gap in which neither is in force.
func (in Input) changes(m *Member, now, want map[key]policy.Object) []change {
	var out, gone []change
	for _, k := range keys(now, want) {
		old, was := now[k]
		object, is := want[k]
		c := change{Change: timeline.Change{Cluster: m.Name, Policy: k.String()}}
		switch {
		case was && is && in.Equal(old, object):
			continue
		case is && was:
			c.Action, c.object, c.before = "updated", &object, &old
		case is:
			c.Action, c.object = "created", &object
		default:
			c.Action, c.before = "deleted", &old
			gone = append(gone, c)
			continue
		}
		c.Mode = string(policy.ModeOf(object))
		out = append(out, c)
	}
	return append(out, gone...)
}
