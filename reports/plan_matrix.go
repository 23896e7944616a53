package reports

import (
	"cmp"
	"slices"

	"github.com/seatrial/seatrial/simulator/placement"
)

// matrix lists the policies, exceptions and bindings of the hub and of its members, with
// the versions that are held before and in the end.
func (w *walk) matrix(hub *placement.Hub) (out []PlanPolicy) {
	last := len(w.plan.Stages) - 1
	rows := map[placement.ObjectRef]*PlanPolicy{}
	row := func(ref placement.ObjectRef) *PlanPolicy {
		key := keyOf(ref)
		if rows[key] == nil {
			rows[key] = &PlanPolicy{Object: ref, Before: []PlanHolding{}, After: []PlanHolding{}}
		}
		return rows[key]
	}
	for _, o := range hub.Objects {
		if ref := refOf(o); decides(ref) {
			r := row(ref)
			r.File, r.Line = o.File, o.Line
		}
	}
	for stage := range w.plan.Stages {
		for _, m := range w.members {
			for _, v := range w.at(stage, m) {
				if !decides(v.ref) {
					continue
				}
				r := row(v.ref)
				if stage == 0 {
					r.Before = holding(r.Before, v.PlanVersion, m)
				}
				if stage == last {
					r.After = holding(r.After, v.PlanVersion, m)
				}
			}
		}
	}
	for _, r := range rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b PlanPolicy) int { return compareRefs(a.Object, b.Object) })
	return out
}

func holding(all []PlanHolding, v PlanVersion, member string) []PlanHolding {
	key := versionKey(v)
	for i := range all {
		if versionKey(all[i].Version) == key {
			all[i].Version.Index = max(all[i].Version.Index, v.Index)
			all[i].Clusters = append(all[i].Clusters, member)
			return all
		}
	}
	return append(all, PlanHolding{Version: v, Clusters: []string{member}})
}

// versionKey is equal for what is one version: the same content, of whichever snapshot.
func versionKey(v PlanVersion) string {
	v.Index = 0
	return groupKey(v)
}

// groups puts clusters together that see the same of all rows.
func (w *walk) groups(rows []PlanPolicy) (out []PlanGroup) {
	last := len(w.plan.Stages) - 1
	at := map[string]int{}
	for _, m := range w.members {
		before, after := w.at(0, m), w.at(last, m)
		cells := make([]PlanCell, len(rows))
		key := ""
		for i := range rows {
			ref := keyOf(rows[i].Object)
			cells[i] = cellOf(before[ref], after[ref])
			key += groupKey(after[ref].Digest) + groupKey(cells[i])
		}
		if i, ok := at[key]; ok {
			out[i].Clusters = append(out[i].Clusters, m)
			continue
		}
		at[key] = len(out)
		out = append(out, PlanGroup{Clusters: []string{m}, Cells: cells})
	}
	slices.SortStableFunc(out, func(a, b PlanGroup) int {
		return cmp.Or(cmp.Compare(len(b.Clusters), len(a.Clusters)), cmp.Compare(a.Clusters[0], b.Clusters[0]))
	})
	return out
}

func cellOf(before, after item) PlanCell {
	out := PlanCell{Before: modeWord(before), After: modeWord(after)}
	if c, ok := changeOf(before, after); ok {
		out.Change = c.Change
	}
	return out
}

func modeWord(v item) string {
	switch {
	case v.Digest == "":
		return ""
	case v.Unbound:
		return "unbound"
	case v.Mode == "":
		return "on"
	}
	return string(v.Mode)
}
