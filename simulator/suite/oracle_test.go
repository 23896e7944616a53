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
	"sigs.k8s.io/yaml"
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

// Kyverno's own suites are in its module. What does not come is listed, on a cluster with its
// reason and with what a real one says to it.
func TestKyvernosSuites(t *testing.T) {
	root := kyvernosSuites(t)
	for _, mode := range []struct {
		name string
		opt  Options
	}{{"cluster", Options{At: at}}, {"cli", Options{At: at, CLI: true}}} {
		t.Run(mode.name, func(t *testing.T) {
			report := runAll(t, mode.opt, root)
			reasons := readReasons(t)
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
				if !mode.opt.CLI && row.Status != Skipped {
					fmt.Fprintf(&got, "  %s\n", reasons.of(t, name, row.Policy))
				}
			}
			if !mode.opt.CLI {
				reasons.allGiven(t)
			}
			golden(t, "testdata/kyverno-"+mode.name+".txt", got.String())
		})
	}
}

// given is why results of a suite, or of one policy in it, do not come.
type given struct {
	Suite, Policy, Reason, Cluster string
	used                           bool
}

type reasons []*given

func readReasons(t *testing.T) (all reasons) {
	t.Helper()
	content, err := os.ReadFile("testdata/kyverno-reasons.yaml")
	if err == nil {
		err = yaml.UnmarshalStrict(content, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (r reasons) of(t *testing.T, suite, policy string) string {
	t.Helper()
	for _, g := range r {
		if g.Suite == suite && (g.Policy == "" || g.Policy == policy) {
			g.used = true
			return g.Reason + "; a cluster: " + g.Cluster
		}
	}
	t.Errorf("%s %s: a result does not come, and no reason is given", suite, policy)
	return ""
}

func (r reasons) allGiven(t *testing.T) {
	t.Helper()
	for _, g := range r {
		if !g.used {
			t.Errorf("%s %s: a reason is given, and all results come", g.Suite, g.Policy)
		}
	}
}

func kyvernosSuites(t *testing.T) string {
	t.Helper()
	pkg, err := build.Default.Import("github.com/kyverno/kyverno/api/kyverno/v1", ".", build.FindOnly)
	if err != nil {
		t.Skipf("find Kyverno's module: %v", err)
	}
	return filepath.Join(pkg.Dir, "../../../test/cli")
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

// The suites of testdata hold one field or behaviour each. Where Kyverno's own runner says
// something else, it is why: expired exceptions, names that do not exist, policies that a
// cluster would refuse.
func TestSuites(t *testing.T) {
	for _, mode := range []struct {
		name string
		opt  Options
	}{{"cluster", Options{At: at}}, {"cli", Options{At: at, CLI: true}}} {
		t.Run(mode.name, func(t *testing.T) {
			report := runAll(t, mode.opt, "testdata/suites")
			var got strings.Builder
			fmt.Fprintf(&got, "%+v\n", report.Summary)
			for _, row := range report.Results {
				fmt.Fprintf(&got, "%s %s %s: %s %s %s: want %s, got %q: %s | %s\n", row.Status, filepath.Base(filepath.Dir(row.Suite)), row.Name,
					row.Policy, row.Rule, row.Resource, row.Expected, row.Got, row.Reason, row.Message)
			}
			golden(t, "testdata/suites-"+mode.name+".txt", got.String())
		})
	}
}

// What is wrong with a file is said with its place; nothing is left out.
func TestLoadFaults(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"unknown field": {"kind: Test\nresult: []\n", `unknown field "result"`},
		"other kind":    {"kind: Values\n", "kind is Values, want Test"},
		"key twice":     {"kind: Test\nresults: []\nresults: []\n", `suite.yaml:3: the key "results" is there twice`},
		"entry's key":   {"kind: Test\nresults:\n- {policy: a, kind: Pod,\n  result: pass, result: fail}\n", `suite.yaml:4: the key "result" is there twice`},
		"JSON twice":    {`{"kind": "Test", "results": [], "results": []}`, `"results" already set`},
		"no YAML":       {"kind: Test\n  x: {\n", "suite.yaml:"},
		"outcome":       {"kind: Test\nresults: [{policy: a, kind: Pod, result: okay}]\n", `results[0]: result is "okay"`},
		"operation":     {"kind: Test\nresults: [{policy: a, kind: Pod, result: pass, operation: PATCH}]\n", `operation is "PATCH"`},
		"two answers":   {"kind: Test\napiCallResponses: [{urlPath: /a, response: {body: {}}}, {urlPath: /a, response: {body: {}}}]\n", "/a is answered twice"},
		"no data":       {"kind: Test\nglobalContextEntries: [{name: a}]\n", "want a name, and one of data"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "suite.yaml")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "suite.yaml:") {
				t.Errorf("got %v, want the file and %q", err, c.want)
			}
		})
	}
}
