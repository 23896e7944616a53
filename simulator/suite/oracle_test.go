package suite

import (
	"cmp"
	"flag"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected answers")

var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// The public policy library's suites hold results that others expect. Every one comes.
func TestPolicyLibrary(t *testing.T) {
	const root = "../../../shared/oracles/kyverno-policies"
	if _, err := os.Stat(root); err != nil {
		t.Skip("the policy library is not on this machine")
	}
	report := runAll(t, Options{At: at}, root)
	for _, row := range report.Results {
		if row.Status == Failed || row.Status == Errored {
			t.Errorf("%s: %s %s %s: %s %s", row.Suite, row.Policy, row.Rule, row.Resource, row.Status, row.Reason)
		}
	}
	if want := (Summary{Suites: 176, Results: 2159, Passed: 2136, Skipped: 23}); report.Summary != want {
		t.Errorf("got %+v, want %+v", report.Summary, want)
	}
}

// Kyverno's own suites are in its module. What does not come is listed with its reason.
func TestKyvernosSuites(t *testing.T) {
	pkg, err := build.Default.Import("github.com/kyverno/kyverno/api/kyverno/v1", ".", build.FindOnly)
	if err != nil {
		t.Skipf("find Kyverno's module: %v", err)
	}
	root := filepath.Join(pkg.Dir, "../../../test/cli")
	for _, mode := range []struct {
		name string
		opt  Options
	}{{"cluster", Options{At: at}}, {"cli", Options{At: at, CLI: true}}} {
		t.Run(mode.name, func(t *testing.T) {
			report := runAll(t, mode.opt, root)
			var got strings.Builder
			s := report.Summary
			fmt.Fprintf(&got, "%d suites, %d results: %d passed, %d failed, %d skipped, %d errors\n", s.Suites, s.Results, s.Passed, s.Failed, s.Skipped, s.Errors)
			for _, row := range report.Results {
				if row.Status == Passed || row.Status == Skipped && row.Expected == "skip" {
					continue
				}
				name, _ := filepath.Rel(root, filepath.Dir(row.Suite))
				reason := strings.ReplaceAll(row.Reason, root, "")
				fmt.Fprintf(&got, "%s %s: %s %s %s: %s: %s\n", row.Status, name, row.Policy, cmp.Or(row.Rule, "-"), row.Resource, row.Expected, reason)
			}
			golden(t, "testdata/kyverno-"+mode.name+".txt", got.String())
		})
	}
}

// The answer is the same for any number of workers.
func TestWorkers(t *testing.T) {
	one := runAll(t, Options{At: at}, "testdata/suites")
	files, _ := Find("testdata/suites")
	again, err := NewRunner(Options{At: at}).RunAll(t.Context(), files, 7)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(one, again); diff != "" {
		t.Error(diff)
	}
}

func runAll(t *testing.T, opt Options, paths ...string) *Report {
	t.Helper()
	files, err := Find(paths...)
	if err != nil {
		t.Fatal(err)
	}
	report, err := NewRunner(opt).RunAll(t.Context(), files, 2)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
