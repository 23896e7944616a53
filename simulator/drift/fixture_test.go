package drift_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/drift"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

const fixture = "../../fixtures/drift"

// at is the clock of the fixture's comparisons.
var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// planted is one line of the fixture's list.
type planted struct{ Cluster, Kind, Object string }

// TestPlantedDifferencesAreFound compares the fixture's 20 clusters, without the engine: what
// is planted is found, what needs a replay left out, and nothing else. The suite of the
// command holds the same with hub, placements and replay.
func TestPlantedDifferencesAreFound(t *testing.T) {
	var want []planted
	read(t, "planted.yaml", &want)
	want = slices.DeleteFunc(want, func(p planted) bool {
		return slices.Contains([]string{"exception-wide", "exception-needless", "exception-unused"}, p.Kind)
	})
	q := question(t)
	for i := range q.Clusters {
		file := "planted/" + q.Clusters[i].Name + ".yaml"
		if _, err := os.Stat(filepath.Join(fixture, file)); err != nil {
			continue // the cluster holds what it should
		}
		q.Clusters[i].World = world(t, file)
	}
	var got []planted
	for _, c := range drift.Compare(q).Clusters {
		for _, o := range c.Objects {
			for _, f := range o.Findings {
				got = append(got, planted{c.Name, string(f.Kind), o.Ref.String()})
			}
			if o.Ref.IsException() && o.State == drift.InSync && o.Unverified == "" {
				t.Errorf("%s: whether %s is used was not replayed, and nothing says so", c.Name, o.Ref)
			}
		}
	}
	if len(want) < 15 {
		t.Fatalf("only %d differences are planted", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-planted +found:\n%s", diff)
	}
}

func TestCleanFleetHasNoFinding(t *testing.T) {
	compared := 0
	for _, c := range drift.Compare(question(t)).Clusters {
		for _, o := range c.Objects {
			compared++
			if o.State != drift.InSync {
				t.Errorf("%s: %s is %s: %+v", c.Name, o.Ref, o.State, o.Findings)
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d objects were compared", compared)
	}
}

// TestNothingIsInSyncThatWasNotSeen takes the captures away, and then what they say of being complete.
func TestNothingIsInSyncThatWasNotSeen(t *testing.T) {
	q := question(t)
	for i := range q.Clusters {
		q.Clusters[i].World = nil
	}
	partial, err := capture.NewWorld(capture.Cluster{Name: "cluster-01"})
	if err != nil {
		t.Fatal(err)
	}
	q.Clusters[0].World = partial
	for _, c := range drift.Compare(q).Clusters {
		if len(c.Objects) == 0 {
			t.Errorf("%s: what is intended is not even listed", c.Name)
		}
		for _, o := range c.Objects {
			if o.State != drift.NotEvaluated || o.Reason == "" {
				t.Errorf("%s: %s is %q (%s), want not evaluated with a reason", c.Name, o.Ref, o.State, o.Reason)
			}
		}
	}
}

// question is the fixture's fleet: each cluster holds what the clean one of its sort does.
func question(t *testing.T) drift.Question {
	t.Helper()
	var fleet struct {
		Spec struct {
			Clusters []struct {
				Name   string
				Labels map[string]string
			}
		}
	}
	read(t, "fleet.yaml", &fleet)
	q := drift.Question{At: at}
	for i, c := range fleet.Spec.Clusters {
		sort := map[string]string{"production": "production", "development": "development"}[c.Labels["environment"]]
		if i < 2 {
			sort = "canary"
		}
		w := world(t, "clean/"+sort+".yaml")
		q.Clusters = append(q.Clusters, drift.Cluster{Name: c.Name, Labels: c.Labels, World: w, Intended: held(w)})
	}
	if len(q.Clusters) != 20 {
		t.Fatalf("%d clusters, want 20", len(q.Clusters))
	}
	config := drift.Question{}.Config
	for _, o := range q.Clusters[0].World.Objects(func(_, kind string) bool { return kind == "ConfigMap" }) {
		config = &policy.Object{APIVersion: "v1", Kind: "ConfigMap", Namespace: "kyverno", Name: "kyverno", JSON: o.Object}
	}
	q.Config = config
	return q
}

// held are the policies and exceptions of a clean cluster, as deliveries.
func held(w *capture.World) []placement.Delivered {
	var out []placement.Delivered
	for _, o := range drift.InstalledIn(w) {
		out = append(out, placement.Delivered{Object: o, Placement: "baseline"})
	}
	return out
}

func world(t *testing.T, file string) *capture.World {
	t.Helper()
	var dump struct {
		Items []json.RawMessage `json:"items"`
	}
	read(t, file, &dump)
	var objects []*capture.WorldObject
	for _, item := range dump.Items {
		objects = append(objects, &capture.WorldObject{Object: item})
	}
	w, err := capture.NewWorld(capture.Cluster{Name: file, Complete: true}, objects...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(fixture, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
