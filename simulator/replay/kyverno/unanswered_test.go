package kyverno

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

func TestPoliciesThatFailOpenAreNamed(t *testing.T) {
	classic := func(name, action, webhook string) policy.Object {
		return policy.Object{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: name, JSON: []byte(`{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"` + name + `"},
			"spec":{` + webhook + `"rules":[{"name":"r","match":{"any":[{"resources":{"kinds":["Pod"]}}]},"validate":{"failureAction":"` + action + `","message":"m","deny":{}}}]}}`)}
	}
	cel := policy.Object{APIVersion: "policies.kyverno.io/v1", Kind: "ValidatingPolicy", Name: "cel-open", JSON: []byte(`{"apiVersion":"policies.kyverno.io/v1","kind":"ValidatingPolicy","metadata":{"name":"cel-open"},
		"spec":{"failurePolicy":"Ignore","validationActions":["Deny"],"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}]},"validations":[{"expression":"true"}]}}`)}
	w, err := capture.NewWorld(capture.Cluster{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	set := policy.FromObjects("s", []policy.Object{
		classic("closed", "Enforce", ""),
		classic("audited", "Audit", `"failurePolicy":"Ignore",`),
		classic("open", "Enforce", `"webhookConfiguration":{"failurePolicy":"Ignore","timeoutSeconds":3},`),
		cel,
	})
	p, err := NewCompiler(Options{}).Compile(context.Background(), set, w)
	if err != nil {
		t.Fatal(err)
	}
	want := "enforcing policies with failurePolicy Ignore let requests through that Kyverno does not answer in time: open (after 3 s), cel-open (after 10 s)"
	if !slices.Contains(p.Notes, want) {
		t.Errorf("notes:\n%s\nwant\n%s", strings.Join(p.Notes, "\n"), want)
	}
	if p, err = NewCompiler(Options{}).Compile(context.Background(), policy.FromObjects("s", set.Objects[:1:1]), w); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "failurePolicy") }) {
		t.Errorf("notes of a policy that audits only: %q", p.Notes)
	}
}

// What the capture does not show is held against the release's own roles, and told.
func TestRightsThatAreNotShown(t *testing.T) {
	generating := func(name, kind string) policy.Object {
		return policy.Object{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: name, JSON: []byte(`{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"` + name + `"},
			"spec":{"rules":[{"name":"r","match":{"any":[{"resources":{"kinds":["Namespace"]}}]},
			"generate":{"apiVersion":"v1","kind":"` + kind + `","name":"made","namespace":"{{request.object.metadata.name}}","data":{}}}]}}`)}
	}
	w, err := capture.NewWorld(capture.Cluster{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCompiler(Options{})
	p, err := c.Compile(context.Background(), policy.FromObjects("s", []policy.Object{generating("may", "ConfigMap"), generating("may-not", "ServiceAccount")}), w)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Rejected) > 0 {
		t.Errorf("rejected: %v", p.Rejected)
	}
	if len(p.Notes) != 1 || !strings.HasSuffix(p.Notes[0], "here they are taken: ClusterPolicy may-not") {
		t.Errorf("notes: %q", p.Notes)
	}
	if p, err = c.Compile(context.Background(), policy.FromObjects("s", []policy.Object{generating("may", "ConfigMap")}), w); err != nil || len(p.Notes) != 0 {
		t.Errorf("what the release's roles suffice for: %q, %v", p.Notes, err)
	}
}

// Kinds and resources that nothing is known to serve are told, and nothing else of them. Where
// it is known what the cluster serves, Kyverno looks no further into such a policy.
func TestMisnamedKindsAreTold(t *testing.T) {
	classic := func(name, kind string) policy.Object {
		return policy.Object{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: name, Digest: name, JSON: []byte(`{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"` + name + `"},
			"spec":{"rules":[{"name":"r","match":{"any":[{"resources":{"kinds":["` + kind + `"]}}]},"validate":{"message":"m","pattern":{"metadata":{"name":"?*"}}}}]}}`)}
	}
	cel := func(name, resource string) policy.Object {
		return policy.Object{APIVersion: "policies.kyverno.io/v1", Kind: "ValidatingPolicy", Name: name, Digest: name, JSON: []byte(`{"apiVersion":"policies.kyverno.io/v1","kind":"ValidatingPolicy","metadata":{"name":"` + name + `"},
			"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["` + resource + `"]}]},"validations":[{"expression":"true"}]}}`)}
	}
	set := policy.FromObjects("s", []policy.Object{
		classic("a", "configmap"), classic("b", "apps/v1/Deployment"), classic("c", "apps/Deployment"), classic("d", "Pod"), classic("e", "Stat*Set"),
		cel("f", "deployment"), cel("g", "deployments"), cel("h", "*"), cel("i", "pods"),
	})
	const named = "ClusterPolicy a (configmap); ClusterPolicy c (apps/Deployment); ValidatingPolicy f (deployment); ValidatingPolicy i (pods)"
	for _, complete := range []bool{false, true} {
		var objects []*capture.WorldObject
		if complete {
			objects = append(objects, &capture.WorldObject{Cluster: "c", Object: json.RawMessage(`{"apiVersion":"v1","kind":"APIResourceList","metadata":{"name":"v1"},"groupVersion":"v1","resources":[{"name":"pods","kind":"Pod","namespaced":true}]}`)})
		}
		w, err := capture.NewWorld(capture.Cluster{Name: "c"}, objects...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewCompiler(Options{}).Compile(context.Background(), set, w)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Rejected) > 0 {
			t.Errorf("rejected: %v", p.Rejected)
		}
		if len(p.Notes) != 1 || !strings.HasSuffix(p.Notes[0], ": "+named) || strings.Contains(p.Notes[0], "Kyverno warns") != complete {
			t.Errorf("notes: %q", p.Notes)
		}
	}
}
