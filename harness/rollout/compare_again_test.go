package rollout

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
)

// Clusters whose names are the same as far as a cluster's may go are told apart, and so are their seconds.
func TestNamesOfClustersDiffer(t *testing.T) {
	long := strings.Repeat("a", 70)
	taken := []string{"b", "b" + asItStands, long[:63]}
	for name, want := range map[string]string{"b": "b-2" + asItStands, "c": "c" + asItStands, long: long[:63-len(asItStands)] + asItStands} {
		if got := unlike(taken, name, asItStands); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	stands := []*capture.Record{{Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "ConfigMap"}, Name: "x", Object: []byte(`{}`), Live: true}}
	plan := &Plan{}
	for _, name := range []string{long[:63], long[:61] + "-2"} {
		plan.Members = append(plan.Members, &Member{Cluster: scenarios.Cluster{Name: name}, World: &capture.World{}, All: stands})
	}
	if err := plan.expand(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range plan.Members {
		names = append(names, m.Name)
	}
	if slices.Sort(names); len(slices.Compact(names)) != 4 {
		t.Errorf("%q", names)
	}
	if got, want := unlike(taken, long, ""), long[:61]+"-2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What stands is there as it was captured, but for what another API server gives it.
func TestWhatStandsIsWhole(t *testing.T) {
	rec := func(kind capture.GVK, object string) *capture.Record {
		return &capture.Record{Operation: capture.Update, Kind: kind, Namespace: "a", Name: "x", Again: true, OldObject: json.RawMessage(object)}
	}
	job := capture.GVK{Group: "batch", Version: "v1", Kind: "Job"}
	service := capture.GVK{Version: "v1", Kind: "Service"}
	for _, c := range []struct{ name, object, want string }{
		{"Job", `{"kind":"Job","metadata":{"name":"x","uid":"u","finalizers":["f"],"ownerReferences":[{"name":"o"}]},"spec":{"selector":{}},"status":{"succeeded":1}}`,
			`{"kind":"Job","metadata":{"finalizers":["f"],"name":"x","ownerReferences":[{"name":"o"}]},"spec":{"manualSelector":true,"selector":{}},"status":{"succeeded":1}}`},
		{"Service", `{"kind":"Service","metadata":{"name":"x","deletionTimestamp":"2026-11-23T00:00:00Z"},"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"]},"status":{"loadBalancer":{}}}`,
			`{"kind":"Service","metadata":{"name":"x"},"spec":{}}`},
		{"Service", `{"kind":"Service","metadata":{"name":"x"},"spec":{"clusterIP":"None"}}`, `{"kind":"Service","metadata":{"name":"x"},"spec":{"clusterIP":"None"}}`},
	} {
		kind := map[string]capture.GVK{"Job": job, "Service": service}[c.name]
		r := rec(kind, c.object)
		s := standing{identityFor(r): json.RawMessage(`{"kind":"x"}`)}
		s.whole([]*capture.Record{r})
		if got := strings.TrimSpace(string(s[identityFor(r)])); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
