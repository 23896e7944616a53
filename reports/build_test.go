package reports

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

var (
	limits  = verdict.PolicyRef{Kind: "ClusterPolicy", Name: "limits"}
	allowed = verdict.Judgement{Decision: verdict.Allowed}
)

func judgement(decision verdict.Decision, outcome verdict.Outcome, action verdict.Action) verdict.Judgement {
	return verdict.Judgement{Decision: decision, Verdicts: []verdict.Verdict{{
		Policy: limits, Rule: "r", Type: verdict.Validate, Outcome: outcome, Action: action, Message: "m", Reason: "no body", Resolve: "capture more",
	}}}
}

func pod(cluster, namespace, name string) *capture.Record {
	return &capture.Record{
		Cluster: cluster, Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Namespace: namespace, Name: name,
		Object: []byte(`{"kind":"Pod","metadata":{"labels":{"team":"web"}}}`), Live: true, Origin: capture.Origin{Source: "manifests", File: "p.yaml", Line: 3},
	}
}

func radiusOf(answers ...replay.Answer) *blast.Radius {
	m := blast.NewMeter(blast.Config{}, []capture.Cluster{{Name: "prod"}, {Name: "dev"}}, func(string, string) map[string]string { return nil })
	for _, a := range answers {
		m.Add(a)
	}
	return m.Radius()
}

func build(answers ...replay.Answer) *Report {
	before := policy.FromObjects("captured", []policy.Object{{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: "limits", JSON: []byte(`{"a":1}`)}})
	after := policy.FromObjects("policies", []policy.Object{
		{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: "limits", JSON: []byte(`{"a":2}`)},
		{APIVersion: "kyverno.io/v2", Kind: "PolicyException", Name: "x", JSON: []byte(`{}`)},
	})
	return Build(Input{At: time.Unix(0, 0), Baseline: before, Candidate: after, Changes: policy.Diff(before, after), Radius: radiusOf(answers...)})
}

func answer(r *capture.Record, before, after verdict.Judgement) replay.Answer {
	return replay.Answer{Record: r, Sides: []verdict.Judgement{before, after}}
}

func TestHeadline(t *testing.T) {
	denied := judgement(verdict.Denied, verdict.Fail, verdict.Enforce)
	audited := judgement(verdict.Allowed, verdict.Fail, verdict.Audit)
	unknown := judgement(verdict.DecisionUndecided, verdict.Undecided, verdict.Enforce)
	for name, test := range map[string]struct {
		answers []replay.Answer
		want    string
		status  Status
	}{
		"nothing": {[]replay.Answer{answer(pod("prod", "shop", "a"), allowed, allowed)}, "nothing changes: 1 request judged under both policy sets with the same answers", WithinBudget},
		"one cluster": {[]replay.Answer{answer(pod("prod", "shop", "a"), allowed, denied), answer(pod("prod", "data", "b"), allowed, denied)},
			"2 workloads in 2 namespaces of cluster prod would be newly denied: 2 at the next restart", BudgetExceeded},
		"two clusters": {[]replay.Answer{answer(pod("prod", "shop", "a"), allowed, denied), answer(pod("dev", "shop", "a"), allowed, denied), answer(pod("dev", "shop", "c"), allowed, unknown)},
			"2 workloads in 2 namespaces of 2 clusters would be newly denied: 2 at the next restart; 1 request could not be decided", BudgetExceeded},
		"audit":     {[]replay.Answer{answer(pod("prod", "shop", "a"), allowed, audited)}, "nothing newly denied among 1 request; 1 request newly failing in audit", WithinBudget},
		"undecided": {[]replay.Answer{answer(pod("prod", "shop", "a"), allowed, unknown)}, "nothing newly denied among 1 request; 1 request undecided", BudgetExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			r := build(test.answers...)
			if r.Headline != test.want || r.Status != test.status {
				t.Errorf("%s: %q\nwant %s: %q", r.Status, r.Headline, test.status, test.want)
			}
		})
	}
}

func TestBuildSortsWorstFirst(t *testing.T) {
	r := build(
		answer(pod("prod", "a", "audited"), allowed, judgement(verdict.Allowed, verdict.Fail, verdict.Audit)),
		answer(pod("prod", "b", "unknown"), allowed, judgement(verdict.DecisionUndecided, verdict.Undecided, verdict.Enforce)),
		answer(pod("prod", "c", "denied"), allowed, judgement(verdict.Denied, verdict.Fail, verdict.Enforce)),
	)
	var got []string
	for _, w := range r.Workloads {
		f := w.Findings[0]
		got = append(got, fmt.Sprintf("%s team %s at %s:%d: %s %s -> %s %s", w.Name, w.Team, w.File, w.Line, f.Class, f.Before, f.After, f.Resolve))
	}
	want := []string{
		"denied team web at p.yaml:3: newly-denied not matched -> fail (Enforce) ",
		"unknown team web at p.yaml:3: undecided not matched -> undecided capture more",
		"audited team web at p.yaml:3: newly-failing not matched -> fail (Audit) ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if n := r.Namespaces[0].Namespace; n != "c" {
		t.Errorf("the first namespace is %s, want c, where a workload is denied", n)
	}
	p := r.Policies[0]
	if len(r.Policies) != 1 || p.Change != "changed" || !strings.Contains(p.Before, "a: 1") || !strings.Contains(p.After, "a: 2") {
		t.Errorf("policies: %+v, want one changed with both manifests (the exception is no policy)", r.Policies)
	}
	if r.Question.Candidate.Policies != 1 || r.Question.Candidate.Others != 1 {
		t.Errorf("candidate: %+v, want 1 policy and 1 other object", r.Question.Candidate)
	}
}
