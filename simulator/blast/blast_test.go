package blast

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

var limits = verdict.PolicyRef{Kind: "ClusterPolicy", Name: "limits"}

// denied is a request that only the candidate refuses.
func denied(rec capture.Record) replay.Answer {
	return replay.Answer{Record: &rec, Sides: []verdict.Judgement{
		{Decision: verdict.Allowed},
		{Decision: verdict.Denied, Verdicts: []verdict.Verdict{{Policy: limits, Rule: "r", Type: verdict.Validate, Outcome: verdict.Fail, Action: verdict.Enforce, Message: "no limits"}}},
	}}
}

func pod(cluster, namespace, name string, owner *capture.Owner) capture.Record {
	return capture.Record{
		Cluster: cluster, Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Namespace: namespace, Name: name,
		Object: []byte(`{"metadata":{"labels":{"app":"x"}}}`), Live: true, Owner: owner, Origin: capture.Origin{Source: "manifests"},
	}
}

func measure(config Config, answers ...replay.Answer) *Radius {
	clusters := []capture.Cluster{{Name: "prod", Labels: map[string]string{"env": "production"}}, {Name: "dev", Labels: map[string]string{"env": "development"}}}
	m := NewMeter(config, clusters, func(_, namespace string) map[string]string { return map[string]string{"team": "team-of-" + namespace} })
	for _, a := range answers {
		m.Add(a)
	}
	return m.Radius()
}

func TestRollUp(t *testing.T) {
	cart := &capture.Owner{Kind: "Deployment", Name: "cart"}
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	recorded := pod("prod", "shop", "", cart)
	recorded.Origin.Source, recorded.Time, recorded.User.Username = "audit", &at, "controller"
	template := pod("prod", "shop", "cart", nil)
	template.Kind.Kind = "Deployment"
	r := measure(Config{},
		denied(pod("prod", "shop", "cart-1", cart)), denied(pod("prod", "shop", "cart-2", cart)), denied(recorded), denied(template),
		denied(pod("dev", "shop", "cart-1", cart)),
		replay.Answer{Record: &capture.Record{Cluster: "prod", Namespace: "shop", Name: "quiet", Kind: capture.GVK{Kind: "Service"}}, Sides: []verdict.Judgement{{Decision: verdict.Allowed}, {Decision: verdict.Allowed}}},
	)
	var lines []string
	for _, w := range r.Changed {
		lines = append(lines, fmt.Sprintf("%s %s/%s team %s: %d requests, bites %v, users %v", w.Cluster, w.Kind, w.Name, w.Team, w.Requested[diff.NewlyDenied], w.Bites, w.Users))
	}
	want := []string{
		"dev Deployment/cart team team-of-shop: 1 requests, bites map[next-restart:1], users []",
		"prod Deployment/cart team team-of-shop: 4 requests, bites map[next-restart:2 next-rollout:1 now:1], users [controller]",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if f := r.Changed[1].Findings; len(f) != 1 || f[0].Bite != BitesNow || f[0].Requests != 4 {
		t.Errorf("findings: %+v, want one of 4 requests that bites now", f)
	}
	if r.Workloads != 3 || r.Owned[diff.NewlyDenied] != 2 || r.Requested[diff.NewlyDenied] != 5 {
		t.Errorf("workloads %d, newly denied workloads %d and requests %d; want 3, 2, 5", r.Workloads, r.Owned[diff.NewlyDenied], r.Requested[diff.NewlyDenied])
	}
	if n := r.Policies[limits].Workloads[diff.NewlyDenied]; n != 2 {
		t.Errorf("the policy denies %d workloads, want 2", n)
	}
}

func TestBudget(t *testing.T) {
	for name, test := range map[string]struct {
		reason, config string
		want           []string
	}{
		"default": {"nothing newly denied is the default", "",
			[]string{"newly denied requests 2>0 over", "undecided requests 0>0 ok", "newly in error requests 0>0 ok"}},
		"workloads": {"a limit on workloads replaces the default", "newlyDenied: {workloads: 2}",
			[]string{"newly denied workloads 2>2 ok", "undecided requests 0>0 ok", "newly in error requests 0>0 ok"}},
		"exempt": {"exempt namespaces do not count", "exempt: [{clusters: {matchLabels: {env: development}}, namespaces: ['sandbox-*']}]",
			[]string{"newly denied requests 1>0 over", "undecided requests 0>0 ok", "newly in error requests 0>0 ok"}},
		"percent": {"a share of the judged requests", "newlyDenied: {percent: 50}",
			[]string{"newly denied share of requests 100.00%>50% over", "undecided requests 0>0 ok", "newly in error requests 0>0 ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := "apiVersion: seatrial.dev/v1alpha1\nkind: Config\nbudget:\n  " + test.config + "\n"
			if test.config == "" {
				text = "apiVersion: seatrial.dev/v1alpha1\nkind: Config\n"
			}
			config, err := ParseConfig("c.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			r := measure(config, denied(pod("prod", "shop", "a", nil)), denied(pod("dev", "sandbox-1", "b", nil)))
			var got []string
			for _, l := range r.Budget {
				mark := "ok"
				if l.Exceeded {
					mark = "over"
				}
				got = append(got, l.Name+" "+l.Found+">"+l.Allowed+" "+mark)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, d)
			}
		})
	}
}

// A rule that is undecided under both sides does not hide one that is only under the candidate.
func TestUndecidedCountsNewRules(t *testing.T) {
	rule := func(name string, o verdict.Outcome, action verdict.Action) verdict.Verdict {
		return verdict.Verdict{Policy: limits, Rule: name, Type: verdict.Validate, Outcome: o, Action: action, Reason: "no user"}
	}
	undecided := func(verdicts ...verdict.Verdict) verdict.Judgement {
		return verdict.Judgement{Decision: verdict.DecisionUndecided, Verdicts: verdicts}
	}
	old := rule("old", verdict.Undecided, verdict.Enforce)
	for name, test := range map[string]struct {
		before, after verdict.Judgement
		want          string
	}{
		"new":     {undecided(old), undecided(old, rule("new", verdict.Undecided, verdict.Enforce)), "1"},
		"passed":  {undecided(old, rule("r", verdict.Pass, verdict.Enforce)), undecided(old, rule("r", verdict.Undecided, verdict.Enforce)), "1"},
		"mutates": {undecided(old), undecided(old, verdict.Verdict{Policy: limits, Rule: "m", Type: verdict.Mutate, Outcome: verdict.Undecided}), "1"},
		"audit":   {undecided(old), undecided(old, rule("audit", verdict.Undecided, verdict.Audit)), "0"},
		"same":    {undecided(old), undecided(old), "0"},
		"first":   {verdict.Judgement{Decision: verdict.Allowed}, undecided(old), "1"},
		"allowed": {undecided(old), verdict.Judgement{Decision: verdict.Allowed, Verdicts: []verdict.Verdict{rule("audit", verdict.Undecided, verdict.Audit)}}, "0"},
	} {
		rec := pod("prod", "shop", "a", nil)
		r := measure(Config{}, replay.Answer{Record: &rec, Sides: []verdict.Judgement{test.before, test.after}})
		if l := r.Budget[1]; l.Name != "undecided requests" || l.Found != test.want {
			t.Errorf("%s: %s %s, want %s", name, l.Name, l.Found, test.want)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unknown field": {"apiVersion: seatrial.dev/v1alpha1\nkind: Config\nbudjet: {}\n", "c.yaml: invalid: line 3: field budjet not found (known: apiVersion, kind, team, budget)"},
		"wrong type":    {"apiVersion: seatrial.dev/v1alpha1\nkind: Config\nbudget: {newlyDenied: {requests: many}}\n", "c.yaml: invalid: line 3: many, want a whole number"},
		"other kind":    {"apiVersion: v1\nkind: Pod\n", `kind: "Pod", want "Config"`},
		"negative":      {"apiVersion: seatrial.dev/v1alpha1\nkind: Config\nbudget: {errors: {requests: -1}}\n", "c.yaml:3: invalid: budget.errors.requests: -1, want 0 or more"},
		"empty":         {"", "is empty"},
		"two documents": {"apiVersion: seatrial.dev/v1alpha1\nkind: Config\n---\nbudget: {}\n", "more than one document"},
		"no pattern":    {"apiVersion: seatrial.dev/v1alpha1\nkind: Config\nbudget:\n  exempt:\n  - namespaces: [a, '[b']\n", "c.yaml:5: invalid: budget.exempt[0].namespaces[1]"},
		"drift":         {"apiVersion: seatrial.dev/v1alpha1\nkind: Config\nbudget:\n  drift:\n    missing: -3\n", "c.yaml:5: invalid: budget.drift.missing: -3"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseConfig("c.yaml", []byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
