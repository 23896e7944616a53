package scenarios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPicks(t *testing.T) {
	fleet := []Cluster{
		{Name: "eu-1", Labels: map[string]string{"env": "production", "region": "eu"}},
		{Name: "us-1", Labels: map[string]string{"env": "production", "region": "us"}},
		{Name: "dev", Labels: map[string]string{"env": "development"}},
		{Name: "bare"},
	}
	for _, c := range []struct {
		reason   string
		selector Selector
		want     []string
	}{
		{"an empty selector picks all", Selector{}, []string{"eu-1", "us-1", "dev", "bare"}},
		{"names, in fleet order", Selector{Names: []string{"dev", "eu-1"}}, []string{"eu-1", "dev"}},
		{"a label", Selector{MatchLabels: map[string]string{"env": "production"}}, []string{"eu-1", "us-1"}},
		{"every label must match", Selector{MatchLabels: map[string]string{"env": "production", "region": "us"}}, []string{"us-1"}},
		{"an empty value is not an absent label's", Selector{MatchLabels: map[string]string{"env": "staging"}}, nil},
		{"the first ones", Selector{First: 2}, []string{"eu-1", "us-1"}},
		{"the first of those with a label", Selector{First: 1, MatchLabels: map[string]string{"region": "us"}}, []string{"us-1"}},
		{"names and labels must both match", Selector{Names: []string{"dev", "us-1"}, MatchLabels: map[string]string{"env": "production"}}, []string{"us-1"}},
		{"more than there are", Selector{First: 9}, []string{"eu-1", "us-1", "dev", "bare"}},
		{"nobody", Selector{Names: []string{"mars"}}, nil},
	} {
		var got []string
		for _, cl := range c.selector.Picks(fleet) {
			got = append(got, cl.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.reason, diff)
		}
	}
}

func TestRuns(t *testing.T) {
	const r = "kyverno-reports-controller"
	for _, c := range []struct {
		reason string
		fleet  FleetSpec
		want   bool
	}{
		{"nothing is said: Kyverno alone", FleetSpec{}, false},
		{"the fleet has it", FleetSpec{Components: []string{"kyverno", r}}, true},
		{"one cluster has a list without it", FleetSpec{Components: []string{r}, Clusters: []Cluster{{Name: "a"}, {Name: "b", Components: []string{"kyverno"}}}}, false},
		{"every cluster has it by itself", FleetSpec{Clusters: []Cluster{{Name: "a", Components: []string{r}}}}, true},
		{"one cluster has it, the other says nothing", FleetSpec{Clusters: []Cluster{{Name: "a", Components: []string{r}}, {Name: "b"}}}, false},
	} {
		if got := c.fleet.runs(r); got != c.want {
			t.Errorf("%s: %v", c.reason, got)
		}
	}
}
