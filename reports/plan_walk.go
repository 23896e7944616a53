package reports

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// walk goes through a plan's stages and says what changes from one to the next. What a
// state holds is read once, however many clusters share it.
type walk struct {
	plan    *placement.Plan
	members []string
	read    map[*placement.State]held
	own     map[string]held                        // by member: what it is known to have that the hub did not bring
	until   map[string]map[placement.ObjectRef]int // the stage at which the hub's own takes its place
}

// held is what a state holds, by object. Versions of the API do not tell objects apart.
type held map[placement.ObjectRef]item

type item struct {
	ref placement.ObjectRef // as delivered
	PlanVersion
}

func keyOf(r placement.ObjectRef) placement.ObjectRef {
	r.Version = ""
	return r
}

// newWalk walks a plan; installed is what members are known to have, by name.
func newWalk(p *placement.Plan, installed map[string]*policy.Set) *walk {
	w := &walk{plan: p, read: map[*placement.State]held{nil: {}}, own: map[string]held{}, until: map[string]map[placement.ObjectRef]int{}}
	for _, m := range p.Members {
		w.members = append(w.members, m.Name)
		if set := installed[m.Name]; set != nil {
			w.keeps(m.Name, set)
		}
	}
	return w
}

// at is what a member holds after a stage; nothing before the first and where it is no member.
func (w *walk) at(stage int, member string) held {
	if stage < 0 || stage >= len(w.plan.Stages) {
		return nil
	}
	h := w.holds(w.plan.Stages[stage].States[member])
	if len(w.own[member]) == 0 {
		return h
	}
	h = maps.Clone(h)
	for ref, x := range w.own[member] {
		if ends, met := w.until[member][ref]; !met || stage < ends {
			h[ref] = x
		}
	}
	return h
}

// holds is what a hub has brought to a member.
func (w *walk) holds(state *placement.State) held {
	if h, ok := w.read[state]; ok {
		return h
	}
	h := held{}
	exceptions, bound := exceptionsOf(state), boundBy(state)
	for _, d := range state.Delivered {
		ref := refOf(d.Object)
		h[keyOf(ref)] = item{ref, PlanVersion{
			Digest: shortDigest(d.Object.Digest), Mode: policy.ModeOf(d.Object), Placement: d.Placement, Index: d.Index,
			Overrides: d.Overrides, Exceptions: exceptions[policyName(d.Object)], Stale: d.Stale,
			Unbound: admissionPolicy(d.Object.Kind) && !bound[d.Object.Kind+" "+d.Object.Name],
		}}
	}
	w.read[state] = h
	return h
}

func refOf(o policy.Object) placement.ObjectRef {
	group, version, ok := strings.Cut(o.APIVersion, "/")
	if !ok {
		group, version = "", o.APIVersion
	}
	return placement.ObjectRef{Group: group, Version: version, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

func decides(r placement.ObjectRef) bool {
	return policy.IsPolicyKind(strings.TrimPrefix(r.Group+"/"+r.Version, "/"), r.Kind)
}

const digestDigits = 12

func shortDigest(s string) string {
	s = strings.TrimPrefix(s, "sha256:")
	return s[:min(len(s), digestDigits)]
}

// compareRefs orders policies first, then exceptions and bindings, then other objects; by
// kind and name.
func compareRefs(a, b placement.ObjectRef) int {
	return cmp.Or(cmp.Compare(classOf(a), classOf(b)), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version))
}

func classOf(r placement.ObjectRef) int {
	switch {
	case !decides(r):
		return 2
	case isPolicy(r.Kind):
		return 0
	}
	return 1
}

// stages lists all stages but the first, which is what is there before.
func (w *walk) stages() (out []PlanStage) {
	for i := 1; i < len(w.plan.Stages); i++ {
		s := &w.plan.Stages[i]
		out = append(out, PlanStage{
			Number: i, Name: s.Name, Placement: s.Placement, Run: s.Run, At: s.At, Needs: s.Needs, Note: s.Note,
			Clusters: orEmpty(s.Clusters), Changes: orEmpty(w.changes(i)), Modes: orEmpty(w.modes(i)),
		})
	}
	return out
}

// changes compares what each member holds before and after a stage.
func (w *walk) changes(stage int) (out []PlanChange) {
	at := map[string]int{}
	for _, m := range w.members {
		before, after := w.at(stage-1, m), w.at(stage, m)
		refs := map[placement.ObjectRef]bool{}
		for _, side := range []held{before, after} {
			for ref := range side {
				refs[ref] = true
			}
		}
		for _, ref := range slices.SortedFunc(maps.Keys(refs), compareRefs) {
			c, ok := changeOf(before[ref], after[ref])
			if !ok {
				continue
			}
			key := groupKey(c)
			if i, ok := at[key]; ok {
				out[i].Clusters = append(out[i].Clusters, m)
				continue
			}
			at[key] = len(out)
			c.Clusters = []string{m}
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b PlanChange) int {
		return cmp.Or(compareRefs(a.Object, b.Object), cmp.Compare(a.Clusters[0], b.Clusters[0]))
	})
	return out
}

// changeOf is what happens to an object; ok is false when its content stays.
func changeOf(before, after item) (c PlanChange, ok bool) {
	had, has := before.Digest != "", after.Digest != ""
	switch {
	case had && has && before.Digest == after.Digest, !had && !has:
		return c, false
	case had && has:
		c.Change, c.Before, c.After = "changed", &before.PlanVersion, &after.PlanVersion
	case had:
		c.Change, c.Before = "removed", &before.PlanVersion
	case has:
		c.Change, c.After = "added", &after.PlanVersion
	}
	c.Object = after.ref
	if !has {
		c.Object = before.ref
	}
	c.Policy = decides(c.Object)
	c.Effect = effectOf(&c)
	return c, true
}

func effectOf(c *PlanChange) PlanEffect {
	enforced := c.Before != nil && c.Before.Mode == policy.Enforce
	enforces := c.After != nil && c.After.Mode == policy.Enforce
	switch {
	case !c.Policy:
		return ""
	case enforces && !enforced, c.Object.Kind == "PolicyException" && c.After == nil:
		return Enforces
	case enforced && !enforces, c.Object.Kind == "PolicyException" && c.Before == nil:
		return Relaxes
	}
	return Alters
}

// groupKey is equal for changes that look the same.
func groupKey(v any) string {
	content, _ := json.Marshal(v) // plain structs: no error
	return string(content)
}

// modes counts what the members hold after a stage.
func (w *walk) modes(stage int) (out []PlanModes) {
	at := map[string]int{}
	for _, m := range w.members {
		n := countModes(w.at(stage, m))
		key := groupKey(n)
		if i, ok := at[key]; ok {
			out[i].Clusters = append(out[i].Clusters, m)
			continue
		}
		at[key] = len(out)
		n.Clusters = []string{m}
		out = append(out, n)
	}
	return out
}

func countModes(h held) (n PlanModes) {
	for _, v := range h {
		switch {
		case !decides(v.ref):
		case v.ref.Kind == "PolicyException":
			n.Exceptions++
		case !isPolicy(v.ref.Kind) || v.Unbound:
		case v.Mode == policy.Enforce:
			n.Enforce++
		case v.Mode != "":
			n.Audit++
		default:
			n.Others++
		}
	}
	return n
}
