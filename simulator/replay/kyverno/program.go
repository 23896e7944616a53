package kyverno

import (
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// Program is one policy set, compiled.
type Program struct {
	units    []phased
	scans    []phased
	brought  []*capture.WorldObject
	roles    []*capture.WorldObject   // that come with the set
	taken    map[string]policy.Object // what a cluster has of the set, by kind, namespace and name
	Rejected []policy.Problem         // policies that Kyverno would reject, in file order
	Notes    []string                 // what a reader of the answer should know
}

func (p *Program) reject(object policy.Object, err error) {
	p.Rejected = append(p.Rejected, policy.Problem{File: object.File, Line: object.Line, Policy: object.Title(), Reason: err.Error()})
}

// has is what a cluster took of the program's set; nothing of none.
func (p *Program) has() map[string]policy.Object {
	if p == nil {
		return nil
	}
	return p.taken
}

// takenOf are the policies of a set that are not among those that are rejected.
func takenOf(set *policy.Set, rejected []policy.Problem) map[string]policy.Object {
	refused := map[string]bool{}
	for _, r := range rejected {
		refused[r.Policy] = true
	}
	taken := map[string]policy.Object{}
	for _, o := range set.Objects {
		if name, _ := keysOf(o); !refused[o.Title()] {
			taken[name] = o
		}
	}
	return taken
}

// sort puts units in the order of their phases and names, those of the scan apart, and problems in
// that of the files.
func (p *Program) sort() {
	slices.SortStableFunc(p.units, func(a, b phased) int {
		if a.phase != b.phase {
			return int(a.phase) - int(b.phase)
		}
		return a.unit.ref().Compare(b.unit.ref())
	})
	if at := slices.IndexFunc(p.units, func(u phased) bool { return u.phase == phaseScan }); at >= 0 {
		p.units, p.scans = p.units[:at:at], p.units[at:]
	}
	slices.SortStableFunc(p.Rejected, func(a, b policy.Problem) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
}

// stays are the policies of the program whose update a cluster refuses, by name. One that it takes
// and cannot register webhooks for is none: it is updated.
func (p *Program) stays(refused []policy.Problem) []policy.Object {
	titles := map[string]bool{}
	for _, r := range refused {
		titles[r.Policy] = !strings.HasPrefix(r.Reason, WebhookRejected)
	}
	var out []policy.Object
	has := p.has()
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if titles[has[name].Title()] {
			out = append(out, has[name])
		}
	}
	return out
}

// inPlace is a set with what stays in the place of its updates.
func inPlace(set *policy.Set, stays []policy.Object) *policy.Set {
	left := *set
	left.Objects = slices.Clone(set.Objects)
	for i, o := range left.Objects {
		if at := slices.IndexFunc(stays, func(s policy.Object) bool { return s.Title() == o.Title() }); at >= 0 {
			left.Objects[i] = stays[at]
		}
	}
	return &left
}

func staysNote(stays []policy.Object) string {
	var titles []string
	for _, o := range stays {
		titles = append(titles, o.Title())
	}
	return "policies whose update is refused stay as they were: " + strings.Join(titles, ", ")
}
