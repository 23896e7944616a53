package placement

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// pickCase is a placement in the middle of a rolling update, and what is taken next.
type pickCase struct {
	Rule           string             `json:"rule"`
	Clusters       int                `json:"clusters"` // that the policy asks for
	MaxUnavailable intstr.IntOrString `json:"maxUnavailable"`
	MaxSurge       intstr.IntOrString `json:"maxSurge"`
	Bindings       []string           `json:"bindings"`
	Picks          []string           `json:"picks"` // removals, then failed ones, updates, additions
}

func TestPicks(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "picks", "picks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Cases []pickCase `json:"cases"`
	}
	if err := yaml.UnmarshalStrict(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 19 {
		t.Errorf("%d cases are left", len(v.Cases))
	}
	for _, c := range v.Cases {
		w, p := c.world(t)
		removes, updates := p.pick(w.classify(p))
		if d := cmp.Diff(c.Picks, append([]string{}, clustersOf(append(removes, updates...))...)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.Rule, d)
		}
	}
}

func (c pickCase) world(t *testing.T) (*world, *placed) {
	t.Helper()
	w := newWorld(V031, time.Time{})
	policy := &schedulingPolicy{PlacementType: PickN, NumberOfClusters: &c.Clusters}
	strategy := rolloutStrategy{RollingUpdate: &rollingConfig{MaxUnavailable: &c.MaxUnavailable, MaxSurge: &c.MaxSurge}}
	p := &placed{placement: &placement{spec: placementSpec{Policy: policy, Strategy: strategy}}, deliveries: map[string]*delivery{}, snapshots: history{{index: 0}, {index: 1}}}
	for _, text := range c.Bindings {
		words := strings.Fields(text)
		states := map[string]bindingState{"bound": bound, "scheduled": scheduled, "unscheduled": unscheduled}
		b := &binding{Cluster: words[0], State: states[words[1]]}
		p.bindings = append(p.bindings, b)
		w.members = append(w.members, NewMember(b.Cluster, nil))
		if b.State == scheduled {
			continue
		}
		d := &delivery{}
		p.deliveries[b.Cluster] = d
		switch words[2] {
		case "pending":
			d.readyAt = time.Minute
		case "failed":
			d.failure = "ApplyFailed"
		case "ready":
		default:
			t.Fatalf("%q: want ready, pending or failed", text)
		}
		if words[3] == "new" {
			d.index = 1
		}
	}
	return w, p
}
