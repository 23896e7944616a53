package kyverno

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// oracleSuite is one kyverno-test.yaml of the public policy library.
type oracleSuite struct {
	Metadata  struct{ Name string }
	Policies  []string
	Resources []string
	Variables string
	Values    json.RawMessage
	Results   []oracleResult
}

type oracleResult struct {
	Policy, Kind, Resource, Result string
	Resources                      []string
	PatchedResource                string `json:"patchedResource"`
	PatchedResources               string `json:"patchedResources"`
}

// TestCELOracle replays the public policy library's own tests of CEL policies, as CREATE
// requests, and compares pass, fail and skip, and the objects after a mutation.
func TestCELOracle(t *testing.T) {
	const root = "../../../../shared/oracles/kyverno-policies"
	if _, err := os.Stat(root); err != nil {
		t.Skipf("the policy library is not here: %v", err)
	}
	var files []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "kyverno-test.yaml" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var agreed, differed, left int
	for _, path := range files {
		a, d, l := runSuite(t, path)
		agreed, differed, left = agreed+a, differed+d, left+l
	}
	t.Logf("%d expectations agree, %d differ, %d left out (registry, lookups, values, absent files)", agreed, differed, left)
	if agreed == 0 || differed > 0 {
		t.Errorf("%d agree, %d differ", agreed, differed)
	}
}

func runSuite(t *testing.T, path string) (agreed, differed, left int) {
	var suite oracleSuite
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &suite); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	dir := filepath.Dir(path)
	set := &policy.Set{}
	for _, name := range suite.Policies {
		set.Objects = append(set.Objects, readSet(t, filepath.Join(dir, name)).Objects...)
	}
	set.Objects = celObjects(set.Objects)
	if len(set.Objects) == 0 {
		return 0, 0, 0
	}
	if suite.Variables != "" || len(suite.Values) > 0 {
		return 0, 0, len(suite.Results)
	}
	units, problems, err := NewCompiler(Options{At: testClock}).compileCEL(context.Background(), set, capture.NewResources(), nil)
	units = ofAdmission(units)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, p := range problems {
		t.Logf("%s: problem: %s: %s", path, p.Policy, p.Reason)
	}
	var objects []json.RawMessage
	for _, name := range suite.Resources {
		objects = append(objects, readObjects(t, filepath.Join(dir, name))...)
	}
	for _, want := range suite.Results {
		for _, name := range append(want.Resources, want.Resource) {
			if name == "" {
				continue
			}
			if !concernsUnits(units, want.Policy) {
				left++
				continue
			}
			if diff := compareOracle(t, dir, units, objects, want, name); diff == "" {
				agreed++
			} else if diff == "left" {
				left++
			} else {
				differed++
				t.Errorf("%s: policy %s, %s %s: %s", path, want.Policy, want.Kind, name, diff)
			}
		}
	}
	return agreed, differed, left
}

func celObjects(all []policy.Object) []policy.Object {
	var found []policy.Object
	for _, o := range all {
		if strings.HasPrefix(o.APIVersion, "policies.kyverno.io/") {
			found = append(found, o)
		}
	}
	return found
}

func concernsUnits(units []phased, name string) bool {
	for _, u := range units {
		if u.unit.ref().Name == name {
			return true
		}
	}
	return false
}

func readSet(t *testing.T, path string) *policy.Set {
	data, err := os.ReadFile(path)
	if err != nil {
		return &policy.Set{}
	}
	return setOf(t, path, bytes.TrimPrefix(data, []byte("---\n")))
}

func readObjects(t *testing.T, path string) []json.RawMessage {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var all []json.RawMessage
	for _, doc := range strings.Split("\n"+string(data), "\n---") {
		content, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil || string(content) == "null" {
			continue
		}
		all = append(all, content)
	}
	return all
}

func compareOracle(t *testing.T, dir string, units []phased, objects []json.RawMessage, want oracleResult, name string) string {
	var object json.RawMessage
	found := 0
	for _, o := range objects {
		if isNamed(o, want.Kind, name) {
			object = o
			found++
		}
	}
	if found != 1 {
		return "left"
	}
	c := celCase{Operation: capture.Create, User: "oracle", Object: object, NoNamespace: false}
	req := c.request(t, &memory{})
	req.namespaceKnown = true
	got := "none"
	message := ""
	for _, u := range units {
		if u.unit.ref().Name != want.Policy || u.phase == phaseSchedule {
			continue
		}
		if s, ok := u.unit.(seer); ok && !s.sees(req) {
			continue
		}
		a := u.unit.eval(context.Background(), req)
		for _, v := range a.verdicts {
			message = v.Message + v.Reason
			switch v.Outcome {
			case verdict.Warn:
				got = "fail"
			default:
				got = v.Outcome.String()
			}
		}
		if a.object != nil {
			req.adm.Object.Raw = a.object
		}
	}
	if got == "undecided" {
		t.Logf("left out: policy %s, %s %s: %s", want.Policy, want.Kind, name, message)
		return "left" // it needs a registry or the cluster
	}
	if want.Result == "fail" && got == "pass" && want.PatchedResource+want.PatchedResources != "" {
		// The command line calls a mutation failed when the result is not the expected one.
		want.Result = "pass"
		if comparePatched(t, dir, req.adm.Object.Raw, want, name) == "" {
			return "the mutation has the result that it should not have"
		}
		return ""
	}
	if got == "none" { // the command line counts what a policy does not match as skipped
		got = "skip"
	}
	if got != want.Result {
		return fmt.Sprintf("want %s, got %s: %s", want.Result, got, message)
	}
	return comparePatched(t, dir, req.adm.Object.Raw, want, name)
}

func isNamed(object json.RawMessage, kind, name string) bool {
	var head struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
	}
	_ = json.Unmarshal(object, &head)
	if ns, rest, ok := strings.Cut(name, "/"); ok {
		return head.Kind == kind && head.Metadata.Name == rest && head.Metadata.Namespace == ns
	}
	return head.Kind == kind && head.Metadata.Name == name
}

func comparePatched(t *testing.T, dir string, got json.RawMessage, want oracleResult, name string) string {
	file := want.PatchedResource + want.PatchedResources
	if file == "" || want.Result != "pass" {
		return ""
	}
	for _, patched := range readObjects(t, filepath.Join(dir, file)) {
		if !isNamed(patched, want.Kind, name) {
			continue
		}
		return cmp.Diff(bare(t, patched), bare(t, got))
	}
	return "left"
}

// bare drops the namespace, which the command line defaults.
func bare(t *testing.T, object json.RawMessage) map[string]any {
	var content map[string]any
	if err := json.Unmarshal(object, &content); err != nil {
		t.Fatal(err)
	}
	if meta, ok := content["metadata"].(map[string]any); ok {
		delete(meta, "namespace")
	}
	dropNulls(content)
	return content
}
