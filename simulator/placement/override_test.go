package placement

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Snapshots are ordered by their names as text. KubeFleet's webhook keeps two overrides
// from selecting the same object; hubs without it know this order.
func TestOverrideOrder(t *testing.T) {
	everywhere := overridePolicy{OverrideRules: []overrideRule{{ClusterSelector: &clusterSelector{}}}}
	snapshot := func(kind, namespace, name string, index int) overrideSnapshot {
		return overrideSnapshot{override: &override{kind: kind, meta: meta{Namespace: namespace, Name: name}, spec: overrideSpec{Policy: everywhere}}, index: index}
	}
	for _, c := range []struct {
		reason string
		given  []overrideSnapshot
		want   []string
	}{
		{"by name", []overrideSnapshot{snapshot("ClusterResourceOverride", "", "b", 0), snapshot("ClusterResourceOverride", "", "a", 3)}, []string{"a-3", "b-0"}},
		{"a name that begins another name", []overrideSnapshot{snapshot("ClusterResourceOverride", "", "team", 5), snapshot("ClusterResourceOverride", "", "team-4", 0), snapshot("ClusterResourceOverride", "", "team-6", 0)}, []string{"team-4-0", "team-5", "team-6-0"}},
		{"the order turns as an index grows", []overrideSnapshot{snapshot("ClusterResourceOverride", "", "team", 3), snapshot("ClusterResourceOverride", "", "team-4", 0)}, []string{"team-3", "team-4-0"}},
		{"ten comes before nine", []overrideSnapshot{snapshot("ClusterResourceOverride", "", "a-9", 0), snapshot("ClusterResourceOverride", "", "a", 10)}, []string{"a-10", "a-9-0"}},
		{"ResourceOverrides last, by namespace and name", []overrideSnapshot{snapshot("ResourceOverride", "b", "x", 0), snapshot("ResourceOverride", "a", "z", 0), snapshot("ClusterResourceOverride", "", "z", 0), snapshot("ResourceOverride", "a", "y", 1)}, []string{"z-0", "a/y-1", "a/z-0", "b/x-0"}},
	} {
		if d := cmp.Diff(c.want, overrideIDs(pickOverrides(c.given, NewMember("m", nil)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, d)
		}
	}
}
