package kyverno

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// testClock is the clock of the tests in this package.
var testClock = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// celCase is one request of a testdata/cel archive: policies.yaml holds the policy set,
// world.yaml what the cluster holds, and every other file one celCase.
type celCase struct {
	Reason      string            `json:"reason"`
	Operation   capture.Operation `json:"operation"`
	User        string            `json:"user"`
	Namespace   string            `json:"namespace"` // of the request; that of the object otherwise
	SubResource string            `json:"subResource"`
	Live        bool              `json:"live"`
	Redacted    bool              `json:"redacted"`
	DryRun      bool              `json:"dryRun"`
	NoNamespace bool              `json:"namespaceUnknown"`
	Missing     []capture.Missing `json:"missing"`
	Object      json.RawMessage   `json:"object"`
	OldObject   json.RawMessage   `json:"oldObject"`
	Want        celWant           `json:"want"`
}

type celWant struct {
	Verdicts  []string          `json:"verdicts"`
	Deny      string            `json:"deny"`
	Warnings  []string          `json:"warnings"`
	Patch     []string          `json:"patch"`
	Generated []json.RawMessage `json:"generated"`
}

func TestCEL(t *testing.T) {
	archives, err := filepath.Glob("testdata/cel/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { runArchive(t, path) })
	}
}

func runArchive(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var units []phased
	var problems []policy.Problem
	world := &memory{}
	for _, file := range archive.Files {
		switch file.Name {
		case "policies.yaml":
			units, problems = compileYAML(t, file.Data)
		case "world.yaml":
			world.add(t, file.Data)
		case "problems.yaml":
			var want, got []string
			mustYAML(t, file.Data, &want)
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%s:%d %s: %s", p.File, p.Line, p.Policy, p.Reason))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			problems = nil
		default:
			t.Run(file.Name, func(t *testing.T) { runCase(t, file.Data, units, world) })
		}
	}
	for _, p := range problems {
		t.Errorf("unexpected problem: %+v", p)
	}
}

func runCase(t *testing.T, data []byte, units []phased, world *memory) {
	var c celCase
	mustYAML(t, data, &c)
	t.Log(c.Reason)
	req := c.request(t, world)
	before := req.adm.Object.Raw
	var got celWant
	for _, u := range units {
		asked, err := (&sideRun{req: *req, side: &side{units: units}}).seenBy(u)
		if asked == nil || err != nil {
			continue
		}
		a := u.unit.eval(context.Background(), asked)
		req.unpinned = req.unpinned || a.unpinned
		for _, v := range a.verdicts {
			got.Verdicts = append(got.Verdicts, verdictText(v))
			if p, ok := u.unit.(*validating); ok {
				sameAsEngine(t, p, asked, v)
			}
		}
		got.Warnings = append(got.Warnings, a.warnings...)
		if a.deny != "" {
			got.Deny += a.deny
		}
		for _, g := range a.generated {
			got.Generated = append(got.Generated, g.Object)
		}
		if a.object != nil {
			req.adm.Object.Raw = a.object
			req.cel = celRequest{}
		}
	}
	got.Patch = patchLines(t, before, req.adm.Object.Raw)
	opts := cmp.Options{cmpopts.EquateEmpty(), cmp.Transformer("json", func(m json.RawMessage) any {
		var v any
		_ = json.Unmarshal(m, &v)
		return v
	})}
	if diff := cmp.Diff(c.Want, got, opts); diff != "" {
		t.Errorf("%s (-want +got):\n%s", c.Reason, diff)
	}
}

func verdictText(v verdict.Verdict) string {
	text := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", v.Policy, v.Rule, v.Outcome, v.Action)), " ")
	if v.Type != verdict.Validate {
		text = string(v.Type) + " " + text
	}
	for _, more := range []string{v.Message, v.Reason, strings.Join(v.Exceptions, ",")} {
		if more != "" {
			text += ": " + more
		}
	}
	return text
}

func patchLines(t *testing.T, before, after []byte) []string {
	t.Helper()
	if string(before) == string(after) {
		return nil
	}
	var operations []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if p := patch(before, after); p != nil {
		if err := json.Unmarshal(p, &operations); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for _, o := range operations {
		lines = append(lines, strings.TrimSpace(o.Op+" "+o.Path+" "+string(o.Value)))
	}
	return lines
}

func compileYAML(t testing.TB, data []byte) ([]phased, []policy.Problem) {
	t.Helper()
	set := setOf(t, "policies.yaml", data)
	c := NewCompiler(Options{At: testClock})
	units, problems, err := c.compileCEL(context.Background(), set, capture.NewResources(), nil)
	if err != nil {
		t.Fatal(err)
	}
	units = ofAdmission(units)
	slices.SortStableFunc(units, func(a, b phased) int {
		if a.phase != b.phase {
			return int(a.phase) - int(b.phase)
		}
		return a.unit.ref().Compare(b.unit.ref())
	})
	return units, problems
}

// ofAdmission leaves out the units of the background scan.
func ofAdmission(units []phased) []phased {
	return slices.DeleteFunc(units, func(u phased) bool { return u.phase == phaseScan })
}

// setOf makes a policy set of a multi-document YAML file.
func setOf(t testing.TB, name string, data []byte) *policy.Set {
	t.Helper()
	set := &policy.Set{}
	line := 1
	for _, doc := range strings.Split(string(data), "\n---\n") {
		var head struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
		}
		mustYAML(t, []byte(doc), &head)
		content, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		object := policy.Object{
			File: name, Line: line, APIVersion: head.APIVersion, Kind: head.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name,
			JSON: content, YAML: doc, Digest: fmt.Sprintf("test:%s:%d:%d:%x", name, line, len(content), content),
		}
		if policy.IsPolicyKind(head.APIVersion, head.Kind) {
			set.Objects = append(set.Objects, object)
		} else if head.Kind != "" {
			set.Others = append(set.Others, object)
		}
		line += strings.Count(doc, "\n") + 2
	}
	return set
}

func mustYAML(t testing.TB, data []byte, into any) {
	t.Helper()
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in:\n%s", err, data)
	}
}
