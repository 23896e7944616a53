package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/reports"
)

const driftFixture = "../../../fixtures/drift"

type plantedDrift struct{ Cluster, Kind, Object string }

// TestDriftFindsWhatIsPlanted captures the fixture's 20 clusters and compares them with the
// hub: every planted difference is found, and nothing else.
func TestDriftFindsWhatIsPlanted(t *testing.T) {
	var want, got []plantedDrift
	content, err := os.ReadFile(driftFixture + "/planted.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content, &want); err != nil {
		t.Fatal(err)
	}
	report, code := driftOf(t, "planted")
	for _, f := range report.Findings {
		for _, cluster := range f.Clusters {
			got = append(got, plantedDrift{cluster, string(f.Kind), f.Object.String()})
		}
	}
	order := func(a, b plantedDrift) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-planted +found:\n%s", diff)
	}
	if code != exitExceeded || report.Totals.InSync != 2 || report.Totals.NotEvaluated != 0 {
		t.Errorf("exit code %d, totals %+v, want 1, 2 clusters in sync, nothing left open", code, report.Totals)
	}
}

func TestDriftOfCleanFleetIsNone(t *testing.T) {
	report, code := driftOf(t, "clean")
	if len(report.Findings)+len(report.NotEvaluated)+len(report.Unverified) > 0 || report.Totals.InSync != 20 || code != exitOK {
		t.Errorf("exit code %d, %+v: %+v %+v %+v", code, report.Totals, report.Findings, report.NotEvaluated, report.Unverified)
	}
	for _, e := range report.Exceptions {
		if e.Total == nil || e.Total.LetThrough != 20 || e.Total.Requests != 20 {
			t.Errorf("%s: %+v, want one request in each cluster", e.Object, e.Total)
		}
	}
}

// driftOf compares the clusters of a folder of the fixture, the clean ones where it has none.
func driftOf(t *testing.T, folder string) (reports.Drift, int) {
	t.Helper()
	dir := t.TempDir()
	var captures []string
	for i := 1; i <= 20; i++ {
		name := fmt.Sprintf("cluster-%02d", i)
		file := filepath.Join(driftFixture, folder, name+".yaml")
		if _, err := os.Stat(file); err != nil {
			sort := "production"
			switch {
			case i <= 2:
				sort = "canary"
			case i > 16:
				sort = "development"
			}
			file = filepath.Join(driftFixture, "clean", sort+".yaml")
		}
		out := filepath.Join(dir, name+".capture")
		captures = append(captures, out)
		if code, _, text := runMain(t, "capture", "manifests", "--complete", "--cluster", name, "-o", out, file); code != 0 {
			t.Fatalf("capture %s: exit code %d: %s", file, code, text)
		}
	}
	fleet := filepath.Join(dir, "fleet.capture")
	if code, _, text := runMain(t, append([]string{"capture", "merge", "-o", fleet}, captures...)...); code != 0 {
		t.Fatalf("merge: exit code %d: %s", code, text)
	}
	code, out, text := runMain(t, "drift", "--hub", driftFixture+"/hub", "--fleet", driftFixture+"/fleet.yaml", "--capture", fleet, "--at", "2026-11-23T08:00:00Z", "-o", "json")
	var report reports.Drift
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("exit code %d: %v: %s", code, err, text)
	}
	return report, code
}

// runMain runs one command line in this process.
func runMain(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, text bytes.Buffer
	now := func() time.Time { return time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) }
	code = Main(t.Context(), Env{Args: args, Stdin: bytes.NewReader(nil), Stdout: &out, Stderr: &text, Getenv: func(string) string { return "" }, Now: now})
	return code, out.String(), text.String()
}
