package hub

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

func read(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDiffer(t *testing.T) {
	for _, c := range []struct{ name, planned, before, live, want string }{
		{"the same", `{spec: {a: 1}}`, ``, `{spec: {a: 1}}`, ``},
		{"what a server adds", `{spec: {rules: [{name: x}]}}`, ``, `{metadata: {uid: u}, spec: {rules: [{name: x, skipBackgroundRequests: true}], background: true}, status: {ready: true}}`, ``},
		{"another value", `{spec: {mode: Audit}}`, ``, `{spec: {mode: Enforce}}`, `planned spec.mode: "Audit", found spec.mode: "Enforce"`},
		{"a rule less", `{spec: {rules: [{name: x}, {name: z}]}}`, ``, `{spec: {rules: [{name: x}]}}`, `planned spec.rules: [{"name":"x"},{"name":"z"}], found spec.rules: [{"name":"x"}]`},
		{"a field missing", `{spec: {a: {b: 1}}}`, ``, `{spec: {a: {}}}`, `planned spec.a.b: 1, found spec.a.b absent`},
		{"left of the version before", `{spec: {rules: [{name: x}]}}`, `{spec: {rules: [{name: x, exclude: {any: []}}]}}`, `{spec: {rules: [{name: x, exclude: {any: []}}]}}`, `planned spec.rules[0].exclude absent, found spec.rules[0].exclude: {"any":[]}`},
		{"a default where the version before said so", `{spec: {a: 1}}`, `{spec: {a: 1, background: true}}`, `{spec: {a: 1, background: true}}`, ``},
		{"no default", `{spec: {a: 1}}`, `{spec: {a: 1, background: false}}`, `{spec: {a: 1, background: false}}`, `planned spec.background absent, found spec.background: false`},
		{"empty and absent", `{spec: {a: [], b: {}}}`, ``, `{spec: {}}`, ``},
		{"another type", `{spec: {a: [1]}}`, ``, `{spec: {a: 1}}`, `planned spec.a: [1], found spec.a: 1`},
	} {
		got := ""
		if d := differ("", read(t, c.planned), read(t, c.before), read(t, c.live)); d != nil {
			got = d.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestStatesAreWrittenInOrder(t *testing.T) {
	var s State
	for _, kind := range []string{"ClusterStagedUpdateRun", "ClusterResourcePlacement", "MemberCluster", "ClusterPolicy", "ClusterApprovalRequest", "Namespace", "ClusterResourceOverride", "ClusterStagedUpdateStrategy"} {
		s = append(s, policy.Object{APIVersion: "x/v1", Kind: kind, Name: "n"})
	}
	var got []string
	for _, o := range s.ordered() {
		got = append(got, o.Kind)
	}
	want := []string{"Namespace", "ClusterPolicy", "ClusterResourceOverride", "ClusterStagedUpdateStrategy", "ClusterResourcePlacement", "ClusterStagedUpdateRun"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAgentsAreChecked(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "agent")
	if err := os.WriteFile(program, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "placement.kubernetes-fleet.io_appliedworks.yaml")
	if err := os.WriteFile(text, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		agents Agents
		want   string
	}{
		{Agents{}, "KubeFleet's agents are not given"},
		{Agents{HubAgent: program, CRDs: dir}, "not given: memberAgent"},
		{Agents{HubAgent: program, MemberAgent: "/nowhere", CRDs: dir}, "memberAgent: stat /nowhere"},
		{Agents{HubAgent: text, MemberAgent: program, CRDs: dir}, "is no program"},
		{Agents{HubAgent: program, MemberAgent: program, CRDs: "/nowhere"}, "config/crd/bases"},
		{Agents{HubAgent: program, MemberAgent: program, CRDs: dir}, ""},
	} {
		err := c.agents.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.agents, err, c.want)
		}
	}
}

// TestCommandLines holds that the page shows every flag that the agents get.
func TestCommandLines(t *testing.T) {
	page, err := os.ReadFile("../../docs/kubefleet-agents.md")
	if err != nil {
		t.Fatal(err)
	}
	args := append(hubAgentArgs("hubagent", "HUB", "127.0.0.1:PORT"), memberAgentArgs("memberagent", "MEMBER", "127.0.0.1:PORT")...)
	args = append(args, memberAgentEnv("https://127.0.0.1:PORT", "NAME", "TOKENFILE", "HUB_CA")...)
	for _, a := range args {
		if !strings.Contains(string(page), a) {
			t.Errorf("docs/kubefleet-agents.md does not show %s", a)
		}
	}
}

func TestRunStates(t *testing.T) {
	for reason, want := range map[string]string{
		"UpdateRunSucceeded": "succeeded", "UpdateRunFailed": "failed", "UpdateRunInitializedFailed": "failed", "UpdateRunStopped": "stopped", "UpdateRunStopping": "stopped",
		"UpdateRunProgressing": "running", "UpdateRunStuck": "running", "UpdateRunWaiting": "waiting", "UpdateRunInitializedSuccessfully": "waiting", "": "waiting",
	} {
		if got := runState(placement.Condition{Reason: reason}); got != want {
			t.Errorf("%s is %s, want %s", reason, got, want)
		}
	}
}

func TestObjectsAreWrittenWithoutWhatAServerSet(t *testing.T) {
	o, err := object(&policy.Object{JSON: json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n","uid":"u","resourceVersion":"3","labels":{"a":"b"}},"status":{}}`)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "n", "labels": map[string]any{"a": "b"}}}
	if diff := cmp.Diff(want, o.Object); diff != "" {
		t.Error(diff)
	}
}
