package drift_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/drift"
	"github.com/seatrial/seatrial/simulator/placement"
)

// TestHubIntendsWhatTheRecipeWrote plans the fixture's hub: the placements and the override
// bring each cluster the objects that the recipe gave it by hand, in the same modes.
func TestHubIntendsWhatTheRecipeWrote(t *testing.T) {
	hub, err := placement.Load(t.Context(), fixture+"/hub", placement.Options{At: at})
	if err != nil {
		t.Fatal(err)
	}
	if len(hub.Problems) > 0 {
		t.Fatalf("the hub has problems: %+v", hub.Problems)
	}
	q := question(t)
	var members []*placement.Member
	for _, c := range q.Clusters {
		members = append(members, placement.NewMember(c.Name, c.Labels))
	}
	plan, err := placement.KubeFleet{Options: placement.Options{At: at}}.Plan(t.Context(), placement.Question{After: hub, Members: members})
	if err != nil {
		t.Fatal(err)
	}
	last := plan.Stages[len(plan.Stages)-1]
	for _, c := range q.Clusters {
		want, got := map[drift.Ref]bool{}, map[drift.Ref]bool{}
		for i := range c.Intended {
			want[drift.RefOf(&c.Intended[i].Object)] = true
		}
		for _, o := range last.States[c.Name].Delivered {
			if ref := drift.RefOf(&o.Object); ref.Kind != "Namespace" {
				got[ref] = true
			}
			if o.Object.Name == "require-team" && (c.Labels["environment"] == "development") != (len(o.Overrides) > 0) {
				t.Errorf("%s: require-team is overridden by %v", c.Name, o.Overrides)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -recipe +plan:\n%s", c.Name, diff)
		}
	}
}
