package placement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// An event of a member that is not there is a malformed question.
func TestEventOfAStranger(t *testing.T) {
	hub, err := FromObjects("hub", nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"m9 leaves", "m9 kyverno down", "m9 label a=b"} {
		event, err := ParseEvent(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (KubeFleet{}).Plan(context.Background(), Question{After: hub, Events: []Event{event}}); err == nil {
			t.Errorf("%q is answered", text)
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

// A policy whose new version cannot be stored is still there in its old one.
func TestRefusedPolicyStays(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const placed = `
---
apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterResourcePlacement
metadata: {name: c}
spec:
  resourceSelectors: [{group: kyverno.io, version: v1, kind: ClusterPolicy, name: p}]
  policy: {placementType: PickAll}
`
	good := write("good.yaml", "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: []}\n"+placed)
	bad := write("bad.yaml", "apiVersion: kyverno.io/v7\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: []}\n"+placed)
	ctx := context.Background()
	before, err := Load(ctx, good, Options{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := Load(ctx, bad, Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := KubeFleet{}.Plan(ctx, Question{Before: before, After: after, Members: []*Member{NewMember("m1", nil)}})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Problems) != 1 || len(plan.Stages) != 1 || len(plan.Stages[0].States["m1"].Delivered) != 1 {
		t.Errorf("problems %+v, stages %+v", plan.Problems, plan.Stages)
	}
}
