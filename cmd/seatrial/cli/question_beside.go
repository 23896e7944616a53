package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/cmd/seatrial/hubs"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// Two sets that are both given are a part of what a cluster has: policies and exceptions of other
// owners stay beside them. A baseline of none is a cluster without any.

// beside are the policies that a cluster has and a side's set does not name. What the baseline names and
// the candidate does not is removed; what Kyverno made of a policy of theirs goes with it.
func (q *question) beside(w *capture.World, side string) []policy.Object {
	if q.candidate == nil || q.own != nil || q.alone {
		return nil
	}
	if q.baseline == nil {
		return q.generated(w, side)
	}
	if q.baseline.Source == "none" {
		return nil
	}
	before, named := map[string]bool{}, map[string]bool{}
	for _, o := range q.baseline.Objects {
		before[hubs.KeyOf(o)], named[hubs.KeyOf(o)] = true, true
	}
	for _, o := range q.candidate.Objects {
		named[hubs.KeyOf(o)] = true
	}
	own := named
	if side == "baseline" {
		own = before
	}
	return slices.DeleteFunc(kyverno.InstalledPolicies(w).Objects, func(o policy.Object) bool {
		return own[hubs.KeyOf(o)] || slices.ContainsFunc(owners(o), func(of policy.Object) bool { return named[hubs.KeyOf(of)] })
	})
}

// generated are the policies that others in force generated, where the candidate takes the place of all that
// is captured: they are no part of anybody's set.
func (q *question) generated(w *capture.World, side string) []policy.Object {
	if side == "baseline" {
		return nil
	}
	installed := kyverno.InstalledPolicies(w).Objects
	inForce := slices.Concat(installed, q.candidate.Objects)
	return slices.DeleteFunc(installed, func(o policy.Object) bool {
		g, ok := kyverno.GeneratorOf(o)
		named := func(other policy.Object) bool { return hubs.KeyOf(other) == hubs.KeyOf(o) }
		return !ok || !slices.ContainsFunc(inForce, g.Is) || slices.ContainsFunc(q.candidate.Objects, named)
	})
}

// owners are the policies that an object was made of.
func owners(o policy.Object) (all []policy.Object) {
	var head struct {
		Metadata struct {
			OwnerReferences []struct{ APIVersion, Kind, Name string }
		}
	}
	_ = json.Unmarshal(o.JSON, &head) // it was decoded before
	for _, of := range head.Metadata.OwnerReferences {
		all = append(all, policy.Object{APIVersion: of.APIVersion, Kind: of.Kind, Name: of.Name})
	}
	return all
}

// besides are those of all clusters, once each.
func (q *question) besides(side string) (all []policy.Object) {
	for _, cluster := range q.capture.Clusters {
		all = append(all, q.beside(q.capture.World(cluster.Name), side)...)
	}
	return firsts(all)
}

// firsts are the first of each name.
func firsts(all []policy.Object) (first []policy.Object) {
	seen := map[string]bool{}
	for _, o := range all {
		if key := hubs.KeyOf(o); !seen[key] {
			seen[key] = true
			first = append(first, o)
		}
	}
	return first
}

// leaveOut leaves out what is captured beside the sets, which a rehearsal does not install, and notes it.
func (q *question) leaveOut() {
	if all := q.besides("candidate"); len(all) > 0 {
		q.notes = append(q.notes, fmt.Sprintf("%s in neither set, and not rehearsed: %s. Rehearse with --baseline captured, or with sets that hold them",
			counted(len(all), "captured policy or exception is", "captured policies and exceptions are"), listed(all)))
	}
	q.alone = true
}

func listed(all []policy.Object) string {
	var titles []string
	for _, o := range all {
		titles = append(titles, o.Title())
	}
	return few(titles)
}

// staying is the note about what is in force under both sides.
func (q *question) staying(before, after []policy.Object) []string {
	all := slices.DeleteFunc(slices.Clone(after), func(is policy.Object) bool {
		return q.unaccepted[is.Title()] || !slices.ContainsFunc(before, func(was policy.Object) bool { return hubs.KeyOf(was) == hubs.KeyOf(is) && was.Digest == is.Digest })
	})
	if len(all) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s in neither set, and in force under both: %s", counted(len(all), "captured policy or exception is", "captured policies and exceptions are"), listed(all))}
}

// dropped is the note about captured exceptions that a candidate takes away by not naming them.
func (q *question) dropped(changes []policy.Change) []string {
	if q.baseline != nil || q.own != nil || q.hub != nil {
		return nil
	}
	var titles []string
	for _, c := range changes {
		if c.Change == policy.Removed && c.Kind == "PolicyException" {
			titles = append(titles, c.Before.Title())
		}
	}
	if len(titles) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s not in the candidate, and counted as removed: %s. Where others own them, name the set in force with --baseline: what neither names stays",
		counted(len(titles), "captured exception is", "captured exceptions are"), few(titles))}
}

// asked are the problems of a side that are not of policies beside it: of those a note tells.
func (q *question) asked(problems []policy.Problem, beside []policy.Object) (own []policy.Problem) {
	for _, p := range problems {
		note := fmt.Sprintf("the captured %s is in neither set, and left out under both: Kyverno would not accept it: %s", p.Policy, p.Reason)
		switch {
		case !slices.ContainsFunc(beside, func(o policy.Object) bool {
			return o.File == p.File && o.Line == p.Line && p.Policy == o.Title()
		}):
			own = append(own, p)
		default:
			q.note(note)
			q.unaccepted[p.Policy] = true
		}
	}
	return own
}

// with is a set with the policies of others.
func with(set *policy.Set, others []policy.Object) *policy.Set {
	if len(others) == 0 {
		return set
	}
	out := *set
	out.Objects = slices.Concat(set.Objects, others)
	slices.SortStableFunc(out.Objects, func(a, b policy.Object) int {
		return cmp.Compare(a.Kind+"/"+a.Namespace+"/"+a.Name, b.Kind+"/"+b.Namespace+"/"+b.Name)
	})
	return &out
}
