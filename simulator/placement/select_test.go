package placement

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// selectionFile holds vectors of what placements take from a hub.
type selectionFile struct {
	Hub   string `json:"hub"` // manifests of every case
	Cases []struct {
		about
		KubeFleet Release           `json:"kubefleet"`
		Hub       string            `json:"hub"`       // further manifests
		Selectors []string          `json:"selectors"` // of a placement called p, in flow style
		Namespace string            `json:"namespace"` // of p: a ResourcePlacement
		Selects   []string          `json:"selects"`   // APIVERSION KIND/NAME, in order
		Refused   string            `json:"refused"`   // STATUS REASON: MESSAGE
		Warnings  []string          `json:"warnings"`
		Content   map[string]string `json:"content"` // KIND/NAME: what is left of the object
	} `json:"cases"`
}

func TestSelection(t *testing.T) {
	vectorFiles(t, "selection", func(t *testing.T, file selectionFile) {
		for _, c := range file.Cases {
			vector(t, c.about, func(t *testing.T) {
				h := hubOf(t, c.KubeFleet, file.Hub, c.Hub)
				if len(h.Problems) > 0 {
					t.Fatalf("the hub has problems: %v", problemLines(h.Problems))
				}
				p := &placement{kind: "ClusterResourcePlacement", meta: meta{Name: "p", Namespace: c.Namespace}}
				if c.Namespace != "" {
					p.kind = "ResourcePlacement"
				}
				for _, text := range c.Selectors {
					var one resourceSelector
					if err := yaml.UnmarshalStrict([]byte(text), &one); err != nil {
						t.Fatal(err)
					}
					p.spec.ResourceSelectors = append(p.spec.ResourceSelectors, one)
				}
				got := h.selects(p)
				names, refused := []string{}, ""
				for _, ref := range got.refs() {
					names = append(names, apiVersion(ref.Group, ref.Version)+" "+ref.String())
				}
				if got.refused != nil {
					refused = fmt.Sprintf("%s %s: %s", got.refused.Status, got.refused.Reason, got.refused.Message)
				}
				sameLines(t, "selects", c.Selects, names)
				sameLines(t, "refused", []string{c.Refused}, []string{refused})
				sameLines(t, "warnings", c.Warnings, warningLines(got.warnings))
				for i, ref := range got.refs() {
					if want, ok := c.Content[ref.String()]; ok {
						compareYAML(t, ref.String(), want, got.objects[i].JSON)
						delete(c.Content, ref.String())
					}
				}
				for name := range c.Content {
					t.Errorf("%s is not selected", name)
				}
			})
		}
	})
}

func compareYAML(t *testing.T, what, want string, got []byte) {
	t.Helper()
	var wanted, have any
	if err := yaml.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(got, &have); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, have); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
