package hubs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// A Course is what a member has over the stages of a plan: policies from the hub and its own.
type Course struct {
	Member string
	World  string        // the captured cluster that stands for it
	Sets   []*policy.Set // distinct; the first is what it has before
	Side   []int         // by stage of the plan, the first included: index into Sets
}

// Courses follows every member that a captured cluster stands for. A member keeps its own
// policies and exceptions, those that the hub never placed there, in all stages. Before
// the first stage it has what the hub placed, or with captured what the capture shows as
// installed; that stays until a stage changes what the hub places there.
func (a *Asked) Courses(plan *placement.Plan, captured bool) []Course {
	var out []Course
	for _, m := range plan.Members {
		world := a.Worlds[m.Name]
		if world == "" {
			continue
		}
		installed := a.Installed[m.Name]
		if installed == nil {
			installed = policy.FromObjects("captured", nil)
		}
		out = append(out, follow(plan, m.Name, world, installed, captured))
	}
	return out
}

func follow(plan *placement.Plan, member, world string, installed *policy.Set, captured bool) Course {
	c := Course{Member: member, World: world}
	at := map[string]int{}
	var first *placement.State
	if len(plan.Stages) > 0 {
		first = plan.Stages[0].States[member]
	}
	add := func(set *policy.Set) {
		key := contentOf(set)
		if _, ok := at[key]; !ok {
			at[key] = len(c.Sets)
			c.Sets = append(c.Sets, set)
		}
		c.Side = append(c.Side, at[key])
	}
	for i := range plan.Stages {
		state := plan.Stages[i].States[member]
		if captured && sameState(state, first) {
			add(installed)
			continue
		}
		add(effective(remaining(installed, plan, member, i), first, state))
	}
	if len(plan.Stages) == 0 {
		add(installed)
	}
	return c
}

// remaining is what a member has of its own at a stage: a Namespace that the hub has placed
// and taken back has taken along what lies in it.
func remaining(installed *policy.Set, plan *placement.Plan, member string, stage int) *policy.Set {
	gone := map[string]bool{}
	for i := range plan.Stages[:stage+1] {
		there := map[string]bool{}
		for _, d := range stateOf(plan.Stages[i].States[member]).Delivered {
			if d.Object.Kind == "Namespace" && d.Object.APIVersion == "v1" {
				there[d.Object.Name], gone[d.Object.Name] = true, false
			}
		}
		for namespace := range gone {
			gone[namespace] = !there[namespace] && !placement.Undeletable(namespace)
		}
	}
	left := *installed
	left.Objects = slices.DeleteFunc(slices.Clone(installed.Objects), func(o policy.Object) bool { return gone[o.Namespace] })
	return &left
}

// effective is what a member has when the hub has placed state there, after it had placed
// before: the hub's objects, and the member's own that the hub did not place.
func effective(installed *policy.Set, before, state *placement.State) *policy.Set {
	now := stateOf(state).Set("")
	placed := map[string]bool{}
	for _, s := range []*placement.State{before, state} {
		for _, d := range stateOf(s).Delivered {
			placed[KeyOf(d.Object)] = true
		}
	}
	objects := now.Objects
	for _, o := range installed.Objects {
		if !placed[KeyOf(o)] {
			objects = append(objects, o)
		}
	}
	set := policy.FromObjects("hub", objects)
	set.Others = now.Others
	return set
}

// Alike tells whether two members have the same over the stages, with the same captured
// cluster standing for them: what is judged for one holds for the other.
func Alike(a, b Course) bool {
	return a.World == b.World && slices.Equal(a.Side, b.Side) && slices.EqualFunc(a.Sets, b.Sets, func(x, y *policy.Set) bool { return contentOf(x) == contentOf(y) })
}

// stateOf is the state, which a member of no stage does not have.
func stateOf(s *placement.State) *placement.State {
	if s == nil {
		return &placement.State{}
	}
	return s
}

// KeyOf names an object, whatever the version of its API.
func KeyOf(o policy.Object) string {
	group, _, ok := strings.Cut(o.APIVersion, "/")
	if !ok {
		group = ""
	}
	return strings.Join([]string{group, o.Kind, o.Namespace, o.Name}, "|")
}

// Moves tells whether a stage changes what the hub places on a member.
func Moves(plan *placement.Plan, stage int, member string) bool {
	return !sameState(plan.Stages[stage-1].States[member], plan.Stages[stage].States[member])
}

func sameState(a, b *placement.State) bool {
	return a == b || contentOf(stateOf(a).Set("")) == contentOf(stateOf(b).Set(""))
}

// contentOf is equal for sets of the same content, parameters included.
func contentOf(s *policy.Set) string {
	sum := sha256.New()
	for _, list := range [][]policy.Object{s.Objects, s.Others} {
		for _, o := range list {
			fmt.Fprintln(sum, KeyOf(o), o.With(o.JSON).Digest)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
