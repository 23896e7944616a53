package kyverno

import (
	"encoding/json"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const strictMode = `{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"strict"},"spec":{"background":false,"rules":[{"name":"r",
	"match":{"any":[{"resources":{"kinds":["Service"]}}]},
	"context":[{"name":"settings","configMap":{"name":"settings","namespace":"default"}}],
	"validate":{"failureAction":"Enforce","message":"strict","deny":{"conditions":{"all":[{"key":"{{ settings.data.mode }}","operator":"Equals","value":"strict"}]}}}}]}}`

// A change of a policy's ConfigMap in the folder of the policies is a change: each side looks
// things up as they are with its own.
func TestConfigMapsComeWithTheirPolicies(t *testing.T) {
	settings := func(mode string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"mode":"` + mode + `"}}`
	}
	w, err := capture.NewWorld(capture.Cluster{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	compiler := NewCompiler(Options{})
	var programs []*Program
	for _, mode := range []string{"", "lax", "strict"} {
		set := policy.FromObjects("test", []policy.Object{{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: "strict", JSON: json.RawMessage(strictMode)}})
		if mode != "" {
			set.Others = []policy.Object{{APIVersion: "v1", Kind: "ConfigMap", Name: "settings", JSON: json.RawMessage(settings(mode))}}
		}
		program, err := compiler.Compile(t.Context(), set, w)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, program)
	}
	engine, err := compiler.Engine(w, capture.User{}, programs...)
	if err != nil {
		t.Fatal(err)
	}
	sides, err := engine.Judge(t.Context(), record(capture.Create, "", "Service", "services", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"p","namespace":"guarded"},"spec":{"ports":[{"port":80}]}}`, ""))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []verdict.Decision{verdict.DecisionUndecided, verdict.Allowed, verdict.Denied} {
		if sides[i].Decision != want {
			t.Errorf("side %d: %s %s, want %s", i, sides[i].Decision, sides[i].Reason, want)
		}
	}
	if object, _ := w.Get(capture.GVR{Version: "v1", Resource: "configmaps"}, "default", "settings"); object != nil {
		t.Error("the captured world has changed")
	}
}
