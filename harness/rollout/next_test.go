package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// set makes policies of words like "ClusterPolicy/labels=1": a kind, a name, a version.
func set(words ...string) *policy.Set {
	var objects []policy.Object
	for _, w := range words {
		kind, rest, _ := strings.Cut(w, "/")
		name, version, _ := strings.Cut(rest, "=")
		objects = append(objects, policy.Object{APIVersion: "kyverno.io/v1", Kind: kind, Name: name, Digest: version,
			JSON: []byte(`{"metadata":{"name":"` + name + `","annotations":{"version":"` + version + `"}},"spec":{"rules":[{"validate":{"failureAction":"Enforce"}}]}}`)})
	}
	return policy.FromObjects("", objects)
}

func sameVersion(a, b policy.Object) bool { return string(a.JSON) == string(b.JSON) }

func TestNext(t *testing.T) {
	for _, c := range []struct {
		reason                  string
		base, before, candidate *policy.Set
		stage                   scenarios.Stage
		want                    []string
	}{
		{"what goes comes last: no gap between two kinds", set("ClusterPolicy/a=1"), set("ClusterPolicy/a=1"), set("Policy/a=1"),
			scenarios.Stage{Mode: scenarios.AsWritten}, []string{"created Policy a", "deleted ClusterPolicy a"}},
		{"in Audit nothing is deleted", set("ClusterPolicy/a=1"), set("ClusterPolicy/a=1"), set("ClusterPolicy/b=1"),
			scenarios.Stage{Mode: scenarios.Audit}, []string{"created ClusterPolicy b"}},
		{"what is unchanged is not touched", set("ClusterPolicy/a=1"), set("ClusterPolicy/a=1"), set("ClusterPolicy/a=1"),
			scenarios.Stage{Mode: scenarios.Audit}, nil},
		{"a later candidate with the first version restores it", set("ClusterPolicy/a=1"), set("ClusterPolicy/a=2"), set("ClusterPolicy/a=1"),
			scenarios.Stage{Mode: scenarios.AsWritten}, []string{"updated ClusterPolicy a"}},
		{"removed by name, also when it is as installed", set("ClusterPolicy/a=1", "ClusterPolicy/b=1"), set("ClusterPolicy/a=1", "ClusterPolicy/b=1"), set("ClusterPolicy/a=1", "ClusterPolicy/b=1"),
			scenarios.Stage{Mode: scenarios.Removed, Policies: []string{"a"}}, []string{"deleted ClusterPolicy a"}},
		{"removed without a name: only what differs", set("ClusterPolicy/a=1"), set("ClusterPolicy/a=1", "ClusterPolicy/b=1"), set("ClusterPolicy/a=1", "ClusterPolicy/b=1"),
			scenarios.Stage{Mode: scenarios.Removed}, []string{"deleted ClusterPolicy b"}},
		{"the baseline undoes everything", set("ClusterPolicy/a=1"), set("ClusterPolicy/a=2", "ClusterPolicy/b=1"), set("ClusterPolicy/a=2", "ClusterPolicy/b=1"),
			scenarios.Stage{Mode: scenarios.Baseline}, []string{"updated ClusterPolicy a", "deleted ClusterPolicy b"}},
	} {
		m := &Member{Sets: []*policy.Set{c.base}}
		_, changes, _ := Input{Equal: sameVersion}.next(m, c.before, c.candidate, c.stage)
		var got []string
		for _, ch := range changes {
			got = append(got, ch.Action+" "+ch.Policy)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.reason, diff)
		}
	}
}

func TestStagesNameWhatIsThere(t *testing.T) {
	for _, c := range []struct {
		reason string
		stage  scenarios.Stage
		load   *policy.Set
		want   string // in the error; empty: none
	}{
		{"everything is there", scenarios.Stage{Clusters: scenarios.Selector{Names: []string{"west"}}, Policies: []string{"a"}}, nil, ""},
		{"a misspelt cluster beside a good one", scenarios.Stage{Clusters: scenarios.Selector{Names: []string{"west", "wets"}}}, nil, `the fleet has no cluster "wets" (it has east, west)`},
		{"a label that nobody has", scenarios.Stage{Clusters: scenarios.Selector{MatchLabels: map[string]string{"env": "dev"}}}, nil, "clusters: no cluster of the fleet is picked"},
		{"an override that overrides nothing", scenarios.Stage{Overrides: []scenarios.Override{{Mode: scenarios.Audit, Clusters: scenarios.Selector{MatchLabels: map[string]string{"env": "dev"}}}}}, nil, "overrides[0].clusters: no cluster"},
		{"a misspelt policy", scenarios.Stage{Policies: []string{"labels"}}, nil, `"labels" is neither in the candidate nor installed`},
		{"exceptions that are policies", scenarios.Stage{Exceptions: "x"}, set("ClusterPolicy/b=1"), "x holds ClusterPolicy b"},
	} {
		p := &Plan{}
		for _, n := range []string{"east", "west"} {
			p.Members = append(p.Members, &Member{Cluster: scenarios.Cluster{Name: n}, Sets: []*policy.Set{set("ClusterPolicy/a=1")}})
		}
		in := Input{Equal: sameVersion, Load: func(context.Context, string) (*policy.Set, error) { return c.load, nil }}
		err := p.stage(t.Context(), in, 0, c.stage, set("ClusterPolicy/a=2"))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.reason, err)
		case c.want != "" && (err == nil || !errors.Is(err, scenarios.ErrInvalid) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
	}
}

// A stage's own exceptions come along, also when it changes one policy only.
func TestExceptionsNeedNotBeNamed(t *testing.T) {
	p := &Plan{Members: []*Member{{Cluster: scenarios.Cluster{Name: "east"}, Sets: []*policy.Set{set("ClusterPolicy/a=1")}}}}
	in := Input{Equal: sameVersion, Load: func(context.Context, string) (*policy.Set, error) { return set("PolicyException/e=1"), nil }}
	if err := p.stage(t.Context(), in, 0, scenarios.Stage{Policies: []string{"a"}, Exceptions: "x"}, set("ClusterPolicy/a=2")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ch := range p.Stages[0].Changes["east"] {
		got = append(got, ch.Action+" "+ch.Policy)
	}
	if diff := cmp.Diff([]string{"updated ClusterPolicy a", "created PolicyException e"}, got); diff != "" {
		t.Error(diff)
	}
}

// Without requests there is no first namespace: nothing changes, and nothing less than nothing.
func TestFirstNamespaceOfNone(t *testing.T) {
	quiet := &Member{Cluster: scenarios.Cluster{Name: "quiet"}, Sets: []*policy.Set{set()}}
	busy := &Member{Cluster: scenarios.Cluster{Name: "busy"}, Sets: []*policy.Set{set()}, All: []*capture.Record{{Namespace: "kube-system"}, {Namespace: "shop"}, {Namespace: "web"}}}
	p := &Plan{Members: []*Member{quiet, busy}}
	if err := p.stage(t.Context(), Input{Equal: sameVersion}, 0, scenarios.Stage{FirstNamespaces: 1}, set("PolicyException/e=1")); err != nil {
		t.Fatal(err)
	}
	if st := p.Stages[0]; len(st.Changes["quiet"]) != 0 || len(st.Changes["busy"]) != 1 || cmp.Diff([]string{"shop"}, st.Namespaces) != "" || len(st.Notes) != 1 {
		t.Errorf("changes %v, namespaces %v, notes %v", st.Changes, st.Namespaces, st.Notes)
	}
}

// One request that is admitted anew does not make up for one that is denied.
func TestTotals(t *testing.T) {
	answers := func(kinds ...traffic.Kind) (out []traffic.Answer) {
		for _, k := range kinds {
			out = append(out, traffic.Answer{Kind: k})
		}
		return out
	}
	const a, d, u = traffic.Admitted, traffic.Denied, traffic.Unjudged
	picked := []*live{{before: answers(a, d, a, u, d)}, {before: answers(a)}}
	out := &timeline.Stage{Traffic: []timeline.Traffic{{Admitted: 2, Denied: 3}}}
	got := totals(out, picked, [][]traffic.Answer{answers(d, a, a, d, d), nil})
	if want := (sums{denied: 2, changed: 2, answered: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
