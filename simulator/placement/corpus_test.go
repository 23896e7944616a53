package placement

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const corpus = "../../../shared/corpus/placements"

// refusable are the examples that no hub takes, by file and by what the reason says. Each
// was read: placeholders ("- ...") instead of selectors, fragments without a policy, names
// to be filled in, values that are spelt otherwise, PickN without a number.
var refusable = []struct{ file, reason string }{
	{"how-tos__affinities.", `spec.resourceSelectors[0]: Invalid value: "string"`},
	{"how-tos__crp.0", `spec.resourceSelectors[0]: Invalid value: "string"`},
	{"how-tos__property-based-scheduling.", `spec.resourceSelectors[0]: Invalid value: "string"`},
	{"how-tos__topology-spread-constraints.", `spec.resourceSelectors[0]: Invalid value: "string"`},
	{"how-tos__cluster-resource-override.01", "spec.policy: Required value"},
	{"how-tos__resource-override.01", "spec.policy: Required value"},
	{"how-tos__clusters.01", `Invalid value: "$MEMBER_CLUSTER"`},
	{"how-tos__drift-detection.03", `Unsupported value: "fullComparison"`},
	{"examples/test-crp1.yaml", "number of cluster cannot be nil for policy type PickN"},
	{"loadtest/test-crp3.yaml", `requiredDuringSchedulingIgnoredDuringExecution: Invalid value: "array"`},
	{"kueue/job-team-", "has a metadata.generateName and no name"},
}

// TestCorpus loads every published example. What is refused must be listed above.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("../shared is not here: the published examples are not loaded")
	}
	files, objects, problems, warnings := 0, 0, 0, 0
	err := filepath.WalkDir(corpus, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		h, err := Load(context.Background(), path, Options{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		files++
		objects += len(h.Objects) + len(h.placements) + len(h.overrides) + len(h.strategies) + len(h.runs) + len(h.Members) + len(h.evictions) + len(h.budgets) + len(h.approvals)
		problems += len(h.Problems)
		warnings += len(h.Warnings)
		for _, p := range h.Problems {
			if !listed(path, p.Reason) {
				t.Errorf("%s:%d: %s: %s", path, p.Line, p.Policy, p.Reason)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 150 || objects < 120 {
		t.Errorf("the examples are not all here: %d files, %d objects", files, objects)
	}
	t.Logf("%d files, %d objects, %d problems, %d warnings", files, objects, problems, warnings)
}

func listed(path, reason string) bool {
	for _, r := range refusable {
		if strings.Contains(path, r.file) && strings.Contains(reason, r.reason) {
			return true
		}
	}
	return false
}
