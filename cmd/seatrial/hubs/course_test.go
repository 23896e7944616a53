package hubs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

func object(kind, name, version string) policy.Object {
	apiVersion := "kyverno.io/v1"
	if kind == "ConfigMap" || kind == "Namespace" {
		apiVersion = "v1"
	}
	return policy.FromObjects("", []policy.Object{{APIVersion: apiVersion, Kind: kind, Name: name, JSON: fmt.Appendf(nil, `{"version":%q}`, version)}}).Objects[0]
}

func state(objects ...policy.Object) *placement.State {
	s := &placement.State{}
	for _, o := range objects {
		s.Delivered = append(s.Delivered, placement.Delivered{Object: o})
	}
	return s
}

// told is each stage of a course: the names and versions of what the member has.
func told(c Course) string {
	var lines []string
	for _, side := range c.Side {
		var names []string
		for _, o := range append(c.Sets[side].Objects, c.Sets[side].Others...) {
			names = append(names, o.Name+string(o.JSON[len(`{"version":"`):len(o.JSON)-2]))
		}
		lines = append(lines, strings.Join(names, " "))
	}
	return strings.Join(lines, " | ")
}

func TestCourses(t *testing.T) {
	a1, a2, own, stale := object("ClusterPolicy", "a", "1"), object("ClusterPolicy", "a", "2"), object("ClusterPolicy", "own", "1"), object("ClusterPolicy", "a", "0")
	m1, m2 := object("ConfigMap", "m", "1"), object("ConfigMap", "m", "2")
	team, inside := object("Namespace", "team", "1"), object("Policy", "inside", "1")
	inside.Namespace = "team"
	for name, test := range map[string]struct {
		reason    string
		states    []*placement.State
		installed []policy.Object
		captured  bool
		want      string
	}{
		"own":       {"what the hub never placed stays beside it", []*placement.State{state(a1), state(a2)}, []policy.Object{own, stale}, false, "a1 own1 | a2 own1"},
		"removed":   {"what the hub placed goes with it", []*placement.State{state(a1), state()}, []policy.Object{own, stale}, false, "a1 own1 | own1"},
		"captured":  {"what is installed stays until a stage changes what the hub places", []*placement.State{state(a1), state(a1), state(a2)}, []policy.Object{own, stale}, true, "a0 own1 | a0 own1 | a2 own1"},
		"fresh":     {"nothing was placed: installed policies stay until the hub brings theirs", []*placement.State{nil, state(), state(a2)}, []policy.Object{own, stale}, true, "a0 own1 | a0 own1 | a2 own1"},
		"back":      {"a rollback is the first set again", []*placement.State{state(a1), state(a2), state(a1)}, nil, false, "a1 | a2 | a1"},
		"namespace": {"a Namespace that goes takes the member's own policies along", []*placement.State{state(team), state()}, []policy.Object{own, inside}, false, "own1 inside1 team1 | own1"},
		"params":    {"parameters that change make another set", []*placement.State{state(a1, m1), state(a1, m2)}, nil, false, "a1 m1 | a1 m2"},
	} {
		plan := &placement.Plan{Members: []*placement.Member{{Name: "m"}, {Name: "uncaptured"}}}
		for _, s := range test.states {
			plan.Stages = append(plan.Stages, placement.Stage{States: map[string]*placement.State{"m": s}})
		}
		asked := &Asked{Worlds: map[string]string{"m": "w"}}
		asked.Installed = map[string]*policy.Set{"m": policy.FromObjects("captured", test.installed)}
		courses := asked.Courses(plan, test.captured)
		if len(courses) != 1 || courses[0].World != "w" {
			t.Fatalf("%s: %d courses, want the captured member's only", name, len(courses))
		}
		if got := told(courses[0]); got != test.want {
			t.Errorf("%s: %s\nwant %s: %s", name, got, test.want, test.reason)
		}
		if name == "back" && len(courses[0].Sets) != 2 {
			t.Errorf("back: %d sets, want 2: equal ones are judged once", len(courses[0].Sets))
		}
	}
}
