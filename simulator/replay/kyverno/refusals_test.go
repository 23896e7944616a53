package kyverno

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// What the API server takes under one set of policies and not under the other is a change.
func TestARefusalOfTheAPIServerIsAChange(t *testing.T) {
	mutating := func(patch string) string {
		return `{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"m"},"spec":{"rules":[{"name":"r","match":{"any":[{"resources":{"kinds":["Pod","Deployment"]}}]},"mutate":{"patchStrategicMerge":` + patch + `}}]}}`
	}
	const audit = `{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"v"},"spec":{"rules":[{"name":"a","match":{"any":[{"resources":{"kinds":["Pod"]}}]},"validate":{"message":"a","pattern":{"metadata":{"labels":{"x":"?*"}}}}}]}}`
	pod := func(spec string) *capture.Record {
		return record(capture.Create, "", "Pod", "pods", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"guarded"},"spec":`+spec+`}`, "")
	}
	deployment := func(op capture.Operation, selector, old string) *capture.Record {
		return record(op, "apps", "Deployment", "deployments", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"p","namespace":"guarded"},"spec":{`+selector+`"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}`, old)
	}
	fine, host := `{"containers":[{"name":"c","image":"x"}]}`, `{"hostNetwork":true,"containers":[{"name":"c","image":"x"}]}`
	opens, closes := mutating(`{"spec":{"hostNetwork":true}}`), mutating(`{"spec":{"hostNetwork":false}}`)
	wrong, selects := mutating(`{"metadata":{"labels":{"a":"b c"}}}`), mutating(`{"spec":{"selector":{"matchLabels":{"a":"b"}}}}`)
	reselects := mutating(`{"spec":{"selector":{"matchLabels":{"a":"c"}},"template":{"metadata":{"labels":{"a":"c"}}}}}`)
	for name, test := range map[string]struct {
		rec           *capture.Record
		baseline      []string
		candidate     []string
		before, after verdict.Decision
		classes       string
	}{
		"the candidate opens what PodSecurity forbids": {pod(fine), nil, []string{opens}, verdict.Allowed, verdict.Denied, "newly-denied"},
		"and audits":                        {pod(fine), []string{audit}, []string{audit, opens}, verdict.Allowed, verdict.Denied, "newly-denied"},
		"the candidate closes it":           {pod(host), nil, []string{closes}, verdict.Denied, verdict.Allowed, "newly-allowed"},
		"the candidate closes it no longer": {pod(host), []string{closes}, nil, verdict.Allowed, verdict.Denied, "newly-denied"},
		"refused in any case":               {pod(host), nil, []string{audit, opens}, verdict.OutOfScope, verdict.OutOfScope, ""},
		"a label that is none":              {pod(fine), nil, []string{wrong}, verdict.Allowed, verdict.Denied, "newly-denied"},
		"a label that was none":             {pod(fine), []string{wrong}, []string{wrong, audit}, verdict.Denied, verdict.Denied, ""},
		"a selector that was missing":       {deployment(capture.Create, "", ""), nil, []string{selects}, verdict.Denied, verdict.Allowed, "newly-allowed"},
		"an update of what may not change": {deployment(capture.Update, `"selector":{"matchLabels":{"a":"b"}},`, string(deployment(capture.Create, `"selector":{"matchLabels":{"a":"b"}},`, "").Object)),
			nil, []string{reselects}, verdict.Allowed, verdict.Denied, "newly-denied"},
		"an update of what is not known": {deployment(capture.Update, `"selector":{"matchLabels":{"a":"b"}},`, ""), nil, []string{reselects}, verdict.Allowed, verdict.DecisionUndecided, "undecided"},
	} {
		sides := judgeUnder(t, test.rec, test.baseline, test.candidate)
		var classes []string
		for _, c := range diff.Compare(&sides[0], &sides[1]) {
			classes = append(classes, string(c.Class))
		}
		if sides[0].Decision != test.before || sides[1].Decision != test.after || strings.Join(classes, " ") != test.classes {
			t.Errorf("%s: %s, %s: %v\n%+v", name, sides[0].Decision, sides[1].Decision, classes, sides)
		}
	}
}

func record(op capture.Operation, group, kind, resource, object, old string) *capture.Record {
	rec := &capture.Record{
		Operation: op, Kind: capture.GVK{Group: group, Version: "v1", Kind: kind}, Resource: capture.GVR{Group: group, Version: "v1", Resource: resource},
		Namespace: "guarded", Name: "p", Object: json.RawMessage(object), User: capture.User{Username: "anna"},
	}
	if old != "" {
		rec.OldObject = json.RawMessage(old)
	}
	return rec
}

// judgeUnder judges a record in a namespace that PodSecurity guards, under sets of policies.
func judgeUnder(t *testing.T, rec *capture.Record, sets ...[]string) []verdict.Judgement {
	t.Helper()
	w, err := capture.NewWorld(capture.Cluster{Name: "c", Complete: true}, &capture.WorldObject{Object: json.RawMessage(
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"guarded","labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	compiler := NewCompiler(Options{})
	var programs []*Program
	for _, texts := range sets {
		var objects []policy.Object
		for _, text := range texts {
			var head struct{ Metadata struct{ Name string } }
			if err := json.Unmarshal([]byte(text), &head); err != nil {
				t.Fatal(err)
			}
			objects = append(objects, policy.Object{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: head.Metadata.Name, JSON: json.RawMessage(text)})
		}
		program, err := compiler.Compile(t.Context(), policy.FromObjects("test", objects), w)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, program)
	}
	engine, err := compiler.Engine(w, capture.User{}, programs...)
	if err != nil {
		t.Fatal(err)
	}
	sides, err := engine.Judge(t.Context(), rec)
	if err != nil {
		t.Fatal(err)
	}
	return sides
}
