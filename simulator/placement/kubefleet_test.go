package placement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seatrial/seatrial/simulator/policy"
)

func TestPlanNeedsAHub(t *testing.T) {
	if _, err := (KubeFleet{}).Plan(context.Background(), Question{}); err == nil {
		t.Error("a question without a hub is answered")
	}
}

func TestPlanStopsWithItsContext(t *testing.T) {
	hub, err := FromObjects("hub", nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	event, err := ParseEvent("hub down")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (KubeFleet{}).Plan(ctx, Question{After: hub, Events: []Event{event}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What is to happen at a time cannot come after something later.
func TestEventsAreInTheOrderOfTime(t *testing.T) {
	hub, err := FromObjects("hub", nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	q := Question{After: hub, Members: []*Member{NewMember("m1", nil), NewMember("m2", nil)}}
	for _, text := range []string{"m1 leaves @30m", "m2 leaves @10m"} {
		e, err := ParseEvent(text)
		if err != nil {
			t.Fatal(err)
		}
		q.Events = append(q.Events, e)
	}
	if _, err := (KubeFleet{}).Plan(t.Context(), q); err == nil || !strings.Contains(err.Error(), `"m2 leaves @10m": what comes before it is through after 30m0s only`) {
		t.Errorf("got %v", err)
	}
}

// An event of a member, a run or a stage that is not there is a malformed question.
func TestEventOfAStranger(t *testing.T) {
	hub, err := Load(t.Context(), writeFolder(t, map[string]string{"run.yaml": `apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterStagedUpdateStrategy
metadata: {name: s}
spec: {stages: [{name: canary}, {name: rest}]}
---
apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterStagedUpdateRun
metadata: {name: run-1}
spec: {placementName: c, stagedRolloutStrategyName: s, state: Run}
`}), Options{})
	if err != nil || len(hub.Problems) > 0 {
		t.Fatal(err, hub.Problems)
	}
	for text, want := range map[string]string{
		"m9 leaves": "m9 is no member", "m9 kyverno down": "m9 is no member", "m9 label a=b": "m9 is no member",
		"stop run-9": `no update run "run-9" (it has run-1)`, "resume run-9": `no update run "run-9"`, "approve run-9/canary": `no update run "run-9"`,
		"approve run-1/canry": `ClusterStagedUpdateRun/run-1 has no stage "canry" (it has canary, rest)`,
	} {
		event, err := ParseEvent(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (KubeFleet{}).Plan(t.Context(), Question{After: hub, Events: []Event{event}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// largeHub is a hub of policies, an override for each, and one placement.
func largeHub(tb testing.TB, policies int, version string) *Hub {
	var objects []policy.Object
	add := func(apiVersion, kind, name, spec string) {
		raw := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"annotations":{"v":%q}},"spec":%s}`, apiVersion, kind, name, version, spec)
		objects = append(objects, policy.Object{File: name + ".yaml", APIVersion: apiVersion, Kind: kind, Name: name, JSON: json.RawMessage(raw)})
	}
	for i := range policies {
		name := fmt.Sprintf("p-%03d", i)
		add("kyverno.io/v1", "ClusterPolicy", name, `{"validationFailureAction":"Enforce","rules":[{"name":"r","match":{"any":[{"resources":{"kinds":["Pod"]}}]},"validate":{"pattern":{}}}]}`)
		if i < 50 {
			add("placement.kubernetes-fleet.io/v1", "ClusterResourceOverride", "o-"+name, fmt.Sprintf(`{"placement":{"name":"c"},"clusterResourceSelectors":[{"group":"kyverno.io","version":"v1","kind":"ClusterPolicy","name":%q}],"policy":{"overrideRules":[{"clusterSelector":{"clusterSelectorTerms":[{"labelSelector":{"matchLabels":{"env":"dev"}}}]},"jsonPatchOverrides":[{"op":"replace","path":"/spec/validationFailureAction","value":"Audit"}]}]}}`, name))
		}
	}
	add("placement.kubernetes-fleet.io/v1", "ClusterResourcePlacement", "c", `{"resourceSelectors":[{"group":"kyverno.io","version":"v1","kind":"ClusterPolicy"}],"policy":{"placementType":"PickAll"},"strategy":{"rollingUpdate":{"maxUnavailable":1}}}`)
	hub, err := FromObjects("hub", objects, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return hub
}

// BenchmarkLargeFleet plans an update of 100 policies with 50 overrides that reaches 100
// clusters one after the other.
func BenchmarkLargeFleet(b *testing.B) {
	q := Question{Before: largeHub(b, 100, "1"), After: largeHub(b, 100, "2")}
	for i := range 100 {
		q.Members = append(q.Members, NewMember(fmt.Sprintf("m-%03d", i), map[string]string{"env": []string{"prod", "dev"}[i%2]}))
	}
	for b.Loop() {
		plan, err := KubeFleet{}.Plan(context.Background(), q)
		if err != nil {
			b.Fatal(err)
		}
		if n := len(plan.Stages); n != 101 || plan.Stages[100].At != 15*time.Second+99*time.Minute {
			b.Fatalf("%d stages", n)
		}
	}
}

// What cannot be stored, or not even be read, is still there in its old version.
func TestRefusedObjectsStay(t *testing.T) {
	const placed = `
---
apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterResourcePlacement
metadata: {name: c}
spec:
  resourceSelectors: [{group: kyverno.io, version: v1, kind: ClusterPolicy, name: p}]
  policy: {placementType: PickAll}
`
	const p = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: []}\n"
	before := loadText(t, p+placed)
	for _, c := range []struct {
		reason, text string
		stays        bool
	}{
		{"a version of the API that does not exist", strings.Replace(p, "v1", "v7", 1) + placed, true},
		{"a document that is no YAML", "apiVersion: [\n" + placed, true},
		{"a placement that is refused", p + strings.Replace(placed, "PickAll", "PickN", 1), true},
		{"a policy that is deleted", placed, false},
		{"a placement that is deleted", p, false},
	} {
		q := Question{Before: before, After: loadText(t, c.text), Members: []*Member{NewMember("m1", nil)}}
		plan, err := KubeFleet{}.Plan(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		last := plan.Stages[len(plan.Stages)-1].States["m1"]
		if stays := len(last.Delivered) == 1; stays != c.stays || c.stays && (len(plan.Stages) > 1 || len(plan.Problems) != 1) {
			t.Errorf("%s: it stays: %v; problems %+v", c.reason, stays, plan.Problems)
		}
	}
}

func loadText(t *testing.T, text string) *Hub {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "hub.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	hub, err := Load(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return hub
}

func TestTimedEvents(t *testing.T) {
	for _, c := range []struct {
		text string
		at   time.Duration
		ok   bool
	}{
		{"m1 leaves @30m", 30 * time.Minute, true},
		{"m1 label a=b c- @0s", 0, true},
		{"hub down @1h30m", 90 * time.Minute, true},
		{"approve run-1/canary @10s", 10 * time.Second, true},
		{"m1 leaves @noon", 0, false},
		{"m1 leaves @-1m", 0, false},
		{"m1 @30m", 0, false},
		{"m1 label @30m", 0, false},
	} {
		e, err := ParseEvent(c.text)
		if (err == nil) != c.ok || c.ok && (!e.Timed || e.At != c.at || e.Text != c.text) {
			t.Errorf("%s: %+v, %v", c.text, e, err)
		}
	}
	if e, err := ParseEvent("m1 leaves"); err != nil || e.Timed {
		t.Errorf("an event without a time: %+v, %v", e, err)
	}
}
