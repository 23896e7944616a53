package hub

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/placement"
)

func TestCompareScheduling(t *testing.T) {
	planned := placement.Placement{Kind: "ClusterResourcePlacement", Name: "p", Scheduled: placement.Condition{Status: "True", Reason: "SchedulingPolicyFulfilled"}, Decisions: []placement.Decision{
		{Cluster: "a", Selected: true, Reason: "picked by scheduling policy"},
		{Cluster: "b", Reason: "ClusterUnschedulable, cluster is not connected to the fleet: unhealthy (last transitioned 6.00 minutes ago)"},
		{Cluster: "elsewhere", Selected: true, Reason: "picked by scheduling policy"},
	}}
	fulfilled := placement.Condition{Status: "True", Reason: "SchedulingPolicyFulfilled", Message: "found all"}
	a, b := placement.Decision{Cluster: "a", Selected: true, Reason: "picked by scheduling policy"}, placement.Decision{Cluster: "b", Reason: "ClusterUnschedulable, cluster is not connected to the fleet: unhealthy (last transitioned 9.13 minutes ago)"}
	for _, c := range []struct {
		name     string
		live     Decided
		compared int
		want     []string
	}{
		{"as planned; minutes do not count", Decided{Scheduled: fulfilled, Clusters: []placement.Decision{a, b}}, 3, nil},
		{"nobody tells why a cluster is not picked", Decided{Scheduled: fulfilled, Clusters: []placement.Decision{a}}, 3, nil},
		{"another cluster", Decided{Scheduled: fulfilled, Clusters: []placement.Decision{{Cluster: "b", Selected: true, Reason: "x"}}}, 3, []string{
			"a: planned picked: picked by scheduling policy, found not picked",
			"b: planned not picked: ClusterUnschedulable, cluster is not connected to the fleet: unhealthy, found picked: x",
		}},
		{"another reason", Decided{Scheduled: fulfilled, Clusters: []placement.Decision{{Cluster: "a", Selected: true, Reason: "y"}, b}}, 3, []string{"a: planned picked: picked by scheduling policy, found picked: y"}},
		{"no decision", Decided{}, 3, []string{": planned True SchedulingPolicyFulfilled, found  ", "a: planned picked: picked by scheduling policy, found not picked"}},
	} {
		n, differences := CompareScheduling(planned, c.live, []string{"a", "b"})
		var got []string
		for _, d := range differences {
			got = append(got, fmt.Sprintf("%s: planned %s, found %s", d.Cluster, d.Planned, d.Live))
			if d.Object != "ClusterResourcePlacement p: scheduling" {
				t.Errorf("%s: object %q", c.name, d.Object)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" || n != c.compared {
			t.Errorf("%s: %d compared, want %d; -want +got:\n%s", c.name, n, c.compared, diff)
		}
	}
}
