package placement

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// apiFile holds vectors of what a hub takes, refuses and makes of objects.
type apiFile struct {
	Cases []struct {
		about
		KubeFleet Release        `json:"kubefleet"`
		Before    string         `json:"before"` // manifests that are there already
		Hub       string         `json:"hub"`    // manifests
		Problems  []string       `json:"problems"`
		Warnings  []string       `json:"warnings"`
		Holds     []string       `json:"holds"`  // KubeFleet's objects that the hub has then
		Stored    map[string]any `json:"stored"` // OBJECT PATH: value
	} `json:"cases"`
}

func TestAPI(t *testing.T) {
	vectorFiles(t, "api", func(t *testing.T, file apiFile) {
		for _, c := range file.Cases {
			vector(t, c.about, func(t *testing.T) {
				h := hubOf(t, c.KubeFleet, c.Hub)
				if c.Before != "" {
					h = h.following(hubOf(t, c.KubeFleet, c.Before))
				}
				sameLines(t, "problems", c.Problems, problemLines(h.Problems))
				sameLines(t, "warnings", c.Warnings, warningLines(h.Warnings))
				specs := specsOf(t, h)
				if c.Holds != nil {
					sameLines(t, "holds", c.Holds, slices.Sorted(maps.Keys(specs)))
				}
				for path, want := range c.Stored {
					object, field, _ := strings.Cut(path, " ")
					if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(lookup(specs[object], field))); diff != "" {
						t.Errorf("%s (-want +got):\n%s", path, diff)
					}
				}
			})
		}
	})
}

// specsOf returns the specs of a hub's KubeFleet objects by "Kind/name".
func specsOf(t *testing.T, h *Hub) map[string]any {
	t.Helper()
	out := map[string]any{}
	put := func(kind string, m meta, spec any) {
		ref := ObjectRef{Kind: kind, Namespace: m.Namespace, Name: m.Name}
		content, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var decoded any
		if err := json.Unmarshal(content, &decoded); err != nil {
			t.Fatal(err)
		}
		out[ref.String()] = decoded
	}
	for _, p := range h.placements {
		put(p.kind, p.meta, p.spec)
	}
	for _, o := range h.overrides {
		put(o.kind, o.meta, o.spec)
	}
	for _, s := range h.strategies {
		put(s.kind, s.meta, s.spec)
	}
	for _, r := range h.runs {
		put(r.kind, r.meta, r.spec)
	}
	for _, a := range h.approvals {
		put(a.kind, a.meta, map[string]any{"run": a.run, "stage": a.stage, "approved": a.approved})
	}
	for _, e := range h.evictions {
		put("ClusterResourcePlacementEviction", e.meta, map[string]any{"placement": e.placement, "cluster": e.cluster})
	}
	for _, b := range h.budgets {
		put("ClusterResourcePlacementDisruptionBudget", b.meta, b.spec)
	}
	for _, m := range h.Members {
		put("MemberCluster", meta{Name: m.Name}, m)
	}
	for _, o := range h.Objects {
		put(o.Kind, meta{Namespace: o.Namespace, Name: o.Name}, json.RawMessage(o.JSON))
	}
	return out
}

// lookup finds a value by a path such as stages[0].name; keys with dots are in quotes.
func lookup(value any, path string) any {
	for path != "" && value != nil {
		var step string
		switch {
		case path[0] == '"':
			step, path, _ = strings.Cut(path[1:], `"`)
		default:
			end := strings.IndexAny(path[1:], ".[") + 1
			if end == 0 {
				end = len(path)
			}
			step, path = path[:end], path[end:]
		}
		path = strings.TrimPrefix(path, ".")
		if list, ok := value.([]any); ok {
			var i int
			if _, err := fmt.Sscanf(step, "[%d]", &i); err != nil || i >= len(list) {
				return nil
			}
			value = list[i]
			continue
		}
		object, _ := value.(map[string]any)
		value = object[step]
	}
	return value
}
