package drift

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

type effectCase struct {
	Reason              string
	Kind                string
	Intended, Installed map[string]any
	Want                []string
}

// TestEffects compares each pair of testdata/effects.yaml, both ways: what one way is weaker
// is stronger the other way.
func TestEffects(t *testing.T) {
	content, err := os.ReadFile("testdata/effects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases []effectCase
	if err := yaml.UnmarshalStrict(content, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Reason, func(t *testing.T) {
			findings := pair(t, c.Kind, c.Intended, c.Installed)
			var got []string
			for _, f := range findings {
				got = append(got, string(f.Kind)+": "+f.Text)
			}
			if diff := cmp.Diff(c.Want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			mirror := map[Kind]Kind{Weakened: Strengthened, Strengthened: Weakened, OtherVersion: OtherVersion}
			want, found := map[Kind]bool{}, map[Kind]bool{}
			for _, f := range findings {
				want[mirror[f.Kind]] = true
			}
			for _, f := range pair(t, c.Kind, c.Installed, c.Intended) {
				found[f.Kind] = true
			}
			if diff := cmp.Diff(want, found); diff != "" && !strings.Contains(c.Reason, "add is no difference") {
				t.Errorf("the other way, -want +got:\n%s", diff)
			}
		})
	}
}

// pair compares one object, held and intended, in a cluster that has nothing else.
func pair(t *testing.T, kind string, intended, installed map[string]any) []Finding {
	t.Helper()
	w, err := capture.NewWorld(capture.Cluster{Name: "c", Complete: true}, &capture.WorldObject{Object: completed(t, kind, installed).JSON})
	if err != nil {
		t.Fatal(err)
	}
	r := Compare(Question{Clusters: []Cluster{{Name: "c", World: w, Intended: []placement.Delivered{{Object: completed(t, kind, intended), Placement: "p"}}}}})
	if len(r.Clusters[0].Objects) != 1 {
		t.Fatalf("%d objects, want 1: %+v", len(r.Clusters[0].Objects), r.Clusters[0].Objects)
	}
	return r.Clusters[0].Objects[0].Findings
}

// completed is a case's half of an object.
func completed(t *testing.T, kind string, half map[string]any) policy.Object {
	t.Helper()
	versions := map[string]string{"ClusterPolicy": "kyverno.io/v1", "PolicyException": "kyverno.io/v2", "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1"}
	version := versions[kind]
	if version == "" {
		version = "policies.kyverno.io/v1"
	}
	if v, ok := half["apiVersion"].(string); ok {
		version = v
	}
	object := map[string]any{"apiVersion": version, "kind": kind}
	meta := map[string]any{"name": "x"}
	for key, value := range section(half, "metadata") {
		meta[key] = value
	}
	namespace := ""
	if kind == "PolicyException" {
		namespace = "n"
		meta["namespace"] = namespace
	}
	object["metadata"], object["spec"], object["status"] = meta, half["spec"], half["status"]
	content, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Object{APIVersion: version, Kind: kind, Namespace: namespace, Name: "x", JSON: content}
}
