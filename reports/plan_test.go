package reports

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

func TestProductionsTurn(t *testing.T) {
	for name, test := range map[string]struct {
		clusters []PlanCluster
		want     string
	}{
		"last":        {[]PlanCluster{{First: 1, Last: 2}, {Production: true, First: 3, Last: 3}}, "production last"},
		"then others": {[]PlanCluster{{First: 1, Last: 4}, {Production: true, First: 3, Last: 3}}, "production from stage 3"},
		"first":       {[]PlanCluster{{First: 2, Last: 2}, {Production: true, First: 1, Last: 1}}, "production first"},
		"with others": {[]PlanCluster{{First: 1, Last: 1}, {Production: true, First: 1, Last: 1}}, "production from the first"},
		"untouched":   {[]PlanCluster{{First: 1, Last: 1}, {Production: true}}, "production not at all"},
		"only":        {[]PlanCluster{{}, {Production: true, First: 1, Last: 1}}, ""},
		"unknown":     {[]PlanCluster{{First: 1, Last: 1}}, ""},
	} {
		if got := productionsTurn(&Plan{Clusters: test.clusters}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestBitesFirst(t *testing.T) {
	stages := []Stage{{Number: 1, Name: "a"}, {Number: 2, Name: "canary", Workloads: Counts{NewlyDenied: 3}, Bites: []string{"staging"}}, {Number: 4, Name: "z", Workloads: Counts{NewlyDenied: 9}, Bites: []string{"p"}}}
	if got, want := bitesFirst(stages), "stage 2 of 4 (canary) bites first: 3 workloads in staging"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := bitesFirst(stages[:1]); got != "" {
		t.Errorf("%q where no stage bites", got)
	}
	if got := bitesFirst(nil); got != "" {
		t.Errorf("%q without stages", got)
	}
}

// TestUnbound holds that an admission policy of Kubernetes' own is on only beside a binding.
func TestUnbound(t *testing.T) {
	delivered := func(kind, name, content string) placement.Delivered {
		return placement.Delivered{Object: policy.FromObjects("", []policy.Object{{APIVersion: "admissionregistration.k8s.io/v1", Kind: kind, Name: name, JSON: []byte(content)}}).Objects[0]}
	}
	vap := delivered("ValidatingAdmissionPolicy", "a", `{}`)
	for name, test := range map[string]struct {
		beside []placement.Delivered
		word   string
		others int
	}{
		"alone":          {nil, "unbound", 0},
		"bound":          {[]placement.Delivered{delivered("ValidatingAdmissionPolicyBinding", "b", `{"spec":{"policyName":"a"}}`)}, "on", 1},
		"another":        {[]placement.Delivered{delivered("ValidatingAdmissionPolicyBinding", "b", `{"spec":{"policyName":"c"}}`)}, "unbound", 0},
		"another's kind": {[]placement.Delivered{delivered("MutatingAdmissionPolicyBinding", "b", `{"spec":{"policyName":"a"}}`)}, "unbound", 0},
	} {
		state := &placement.State{Delivered: append([]placement.Delivered{vap}, test.beside...)}
		w := newWalk(&placement.Plan{Members: []*placement.Member{{Name: "m"}}, Stages: []placement.Stage{{States: map[string]*placement.State{"m": state}}}}, nil)
		held := w.at(0, "m")
		if got := modeWord(held[keyOf(refOf(vap.Object))]); got != test.word {
			t.Errorf("%s: %q, want %q", name, got, test.word)
		}
		if got := countModes(held).Others; got != test.others {
			t.Errorf("%s: %d policies that act, want %d", name, got, test.others)
		}
	}
}

// TestOwnPolicies holds that what members are known to have counts: the hub's takes its
// place when it comes, and it does not come back when the hub's goes.
func TestOwnPolicies(t *testing.T) {
	of := func(name, mode string) policy.Object {
		return policy.FromObjects("", []policy.Object{{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: name, JSON: []byte(`{"spec":{"rules":[{"validate":{"failureAction":"` + mode + `"}}]}}`)}}).Objects[0]
	}
	state := func(objects ...policy.Object) map[string]*placement.State {
		s := &placement.State{}
		for _, o := range objects {
			s.Delivered = append(s.Delivered, placement.Delivered{Object: o})
		}
		return map[string]*placement.State{"m": s}
	}
	installed := map[string]*policy.Set{"m": policy.FromObjects("", []policy.Object{of("p", "Audit"), of("own", "Enforce"), of("old", "Audit")})}
	plan := &placement.Plan{Members: []*placement.Member{{Name: "m"}}, Stages: []placement.Stage{
		{States: state(of("old", "Enforce"))}, {States: state(of("p", "Enforce"))}, {States: state()},
	}}
	w := newWalk(plan, installed)
	for stage, want := range []string{"old Enforce, own Enforce, p Audit", "own Enforce, p Enforce", "own Enforce"} {
		var got []string
		for _, x := range w.at(stage, "m") {
			got = append(got, x.ref.Name+" "+string(x.Mode))
		}
		slices.Sort(got)
		if d := cmp.Diff(want, strings.Join(got, ", ")); d != "" {
			t.Errorf("stage %d: %s", stage, d)
		}
	}
}
