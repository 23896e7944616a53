package placement

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/policy"
)

// about is what every vector says of itself.
type about struct {
	Name string `json:"name"`
	Rule string `json:"rule"` // of KubeFleet, in words: what the expectation was derived from
}

// vectorClock is the time of all vectors.
var vectorClock = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// vectorFiles calls run for every file of testdata/dir, read strictly.
func vectorFiles[F any](t *testing.T, dir string, run func(t *testing.T, file F)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("testdata/%s has no vectors (%v)", dir, err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file F
		if err := yaml.UnmarshalStrict(content, &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) { run(t, file) })
	}
}

// vector runs one case, which needs a name and the rule that it shows.
func vector(t *testing.T, a about, run func(t *testing.T)) {
	t.Helper()
	if a.Name == "" || a.Rule == "" {
		t.Fatalf("a case has no name or no rule: %+v", a)
	}
	t.Run(a.Name, func(t *testing.T) {
		run(t)
		if t.Failed() {
			t.Logf("rule: %s", a.Rule)
		}
	})
}

// hubOf makes a hub of manifests, as if of a file hub.yaml.
func hubOf(t *testing.T, release Release, manifests ...string) *Hub {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hub.yaml"), []byte(strings.Join(manifests, "\n---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Load(t.Context(), dir, Options{KubeFleet: release, At: vectorClock})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func problemLines(problems []policy.Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, p.Policy+": "+p.Reason)
	}
	return out
}

func warningLines(warnings []Warning) []string {
	out := []string{}
	for _, w := range warnings {
		line := w.Code + " " + w.Object + ": " + w.Text
		if w.Fix != "" {
			line += " | " + w.Fix
		}
		out = append(out, line)
	}
	return out
}

// sameLines compares lines. A line that is wanted may end in … where the rest does not matter.
func sameLines(t *testing.T, what string, want, got []string) {
	t.Helper()
	if len(want) == len(got) {
		for i := range want {
			if start, ok := strings.CutSuffix(want[i], "…"); ok && strings.HasPrefix(got[i], start) {
				want[i] = got[i]
			}
		}
	}
	if len(want)+len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
