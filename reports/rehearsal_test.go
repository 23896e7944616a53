package reports

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// rehearsalWith is of two clusters and two stages; the second has the outcome.
func rehearsalWith(outcome timeline.Outcome) *timeline.Timeline {
	return &timeline.Timeline{
		Scenario: "audit-to-enforce", Outcome: outcome, Took: time.Minute,
		Clusters: []timeline.Cluster{{Name: "prod"}, {Name: "dev"}},
		Stages: []timeline.Stage{
			{Name: "audit", Start: 10 * time.Second, Took: 10 * time.Second, Outcome: timeline.Passed, Gate: []timeline.Check{{What: "denied requests", Outcome: timeline.Passed}}},
			{Name: "enforce", Index: 1, Start: 20 * time.Second, Took: 20 * time.Second, Outcome: outcome},
		},
	}
}

func TestRehearsalDecidesTheStatus(t *testing.T) {
	set := policy.FromObjects("policies", nil)
	denied := answer(pod("prod", "shop", "a"), allowed, judgement(verdict.Denied, verdict.Fail, verdict.Enforce))
	for name, c := range map[string]struct {
		outcome  timeline.Outcome
		denied   int // newly, in the prediction; -1: no prediction
		headline string
		status   Status
	}{
		"passed":           {timeline.Passed, 0, "nothing changes: 0 requests judged under both policy sets with the same answers; rehearsed on 2 clusters: passed", WithinBudget},
		"held":             {timeline.Held, 0, "nothing changes: 0 requests judged under both policy sets with the same answers; rehearsed on 2 clusters: held at stage enforce", BudgetExceeded},
		"failed":           {timeline.Failed, 0, "nothing changes: 0 requests judged under both policy sets with the same answers; rehearsed on 2 clusters: failed at stage enforce", Unanswered},
		"passed too late":  {timeline.Passed, 1, "1 workload in 1 namespace of cluster prod would be newly denied: 1 at the next restart; rehearsed on 2 clusters: passed", BudgetExceeded},
		"failed as well":   {timeline.Failed, 1, "1 workload in 1 namespace of cluster prod would be newly denied: 1 at the next restart; rehearsed on 2 clusters: failed at stage enforce", Unanswered},
		"rehearsal only":   {timeline.RolledBack, -1, "audit-to-enforce rehearsed on 2 clusters: rolled back at stage enforce", BudgetExceeded},
		"nothing went bad": {timeline.Passed, -1, "audit-to-enforce rehearsed on 2 clusters: passed", WithinBudget},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Rehearsal: rehearsalWith(c.outcome)}
			if c.denied >= 0 {
				in.Baseline, in.Candidate, in.Radius = set, set, &blast.Radius{}
			}
			if c.denied > 0 {
				in.Radius = radiusOf(denied)
			}
			r := Build(in)
			if r.Headline != c.headline || r.Status != c.status || r.Predicted() != (c.denied >= 0) {
				t.Errorf("%s, predicted %v: %q\nwant %s: %q", r.Status, r.Predicted(), r.Headline, c.status, c.headline)
			}
			if r.Rehearsal.Steps == nil || r.Rehearsal.Stages[0].Changes == nil || in.Rehearsal.Steps != nil {
				t.Error("lists are null in the report, or the caller's timeline was changed")
			}
		})
	}
}

func TestHeadlineSeparatesThousands(t *testing.T) {
	r := Build(Input{Candidate: policy.FromObjects("p", nil), Radius: &blast.Radius{Requests: 3300}})
	if want := "3,300 requests judged"; !strings.Contains(r.Headline, want) {
		t.Errorf("headline %q lacks %q", r.Headline, want)
	}
}

func TestFidelityInOneSentence(t *testing.T) {
	for want, f := range map[string]timeline.Fidelity{
		"live and predicted answers agree on 412 of 412 decided requests; 3 undecided; 5 not judged (exists already)": {
			Compared: 412, Agreed: 412, Undecided: 3, Unjudged: []timeline.Refusal{{Reason: "exists already", Count: 5}}},
		"live and predicted answers agree on 0 of 1 decided request; 1,003 not judged (1,000 exists already, 3 gone)": {
			Compared: 1, Unjudged: []timeline.Refusal{{Reason: "exists already", Count: 1000}, {Reason: "gone", Count: 3}}},
		"no live answer could be compared with a prediction": {},
		"live and predicted answers agree on 2 of 2 decided requests; the 1,312 updates of what stands to itself are judged offline alone, and not compared": {
			Compared: 2, Agreed: 2, Updates: 1312},
		"live and predicted answers agree on 2 of 2 decided requests; the 1 update of what stands to itself is judged offline alone, and not compared": {
			Compared: 2, Agreed: 2, Updates: 1},
	} {
		if got := fidelityOf(&f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWaysAreRanked(t *testing.T) {
	back := func(way, cluster string, took int, failed string) timeline.Rollback {
		return timeline.Rollback{Way: way, Cluster: cluster, Took: time.Duration(took), Error: failed, Note: "n", Requests: 1}
	}
	ways := RundownOf(&timeline.Timeline{Rollback: []timeline.Rollback{
		back("failOpen", "a", 1, "x"), back("failOpen", "b", 1, "x"), back("delete", "a", 1, ""), back("delete", "b", 2, "x"),
		back("previous", "a", 30, ""), back("previous", "b", 10, ""), back("previous", "c", 20, ""), back("audit", "a", 20, ""), back("odd", "a", 20, ""),
	}}).Ways
	var got []string
	for _, w := range ways {
		got = append(got, strings.Join([]string{w.Words, w.P50.String(), w.Max.String(), Number(w.Worked), Number(w.Requests), strings.Join(w.Notes, "+")}, " "))
	}
	want := []string{
		"patch to Audit 20ns 20ns 1 1 n", "odd 20ns 20ns 1 1 n", "previous version 20ns 30ns 3 3 n",
		"delete the policy 1ns 1ns 1 2 n", "fail open, Kyverno off 0s 0s 0 2 n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestMatrixGroupsWhatIsAlike(t *testing.T) {
	cell := func(policy, cluster, mode, version string) timeline.Cell {
		return timeline.Cell{Policy: policy, Cluster: cluster, Mode: mode, Version: version, Ready: true}
	}
	m := RundownOf(&timeline.Timeline{
		Clusters: []timeline.Cluster{{Name: "c"}, {Name: "a"}, {Name: "b"}},
		Fleet:    []timeline.Cell{cell("p", "a", "Audit", "1"), cell("p", "b", "Audit", "1"), cell("p", "c", "Enforce", "1"), cell("q", "a", "absent", ""), cell("q", "z", "Audit", "2")},
	}).Matrix
	if d := cmp.Diff([]string{"c", "a", "b", "z"}, m.Clusters); d != "" {
		t.Errorf("clusters (-want +got)\n%s", d)
	}
	var got []string
	for _, row := range m.Rows {
		for _, g := range row.Groups {
			mode := "none"
			if g.Cell != nil {
				mode = g.Cell.Mode
			}
			got = append(got, row.Policy+" "+mode+" "+strings.Join(g.Clusters, ","))
		}
	}
	if d := cmp.Diff([]string{"p Audit a,b", "p Enforce c", "p none z", "q none c,a,b", "q Audit z"}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestMarks(t *testing.T) {
	tl := rehearsalWith(timeline.RolledBack)
	tl.Stages[1].Traffic = []timeline.Traffic{{Cluster: "prod", Sent: 1200, Denied: 12}, {Cluster: "dev", Sent: 5, Denied: 1}}
	for _, s := range [][3]string{
		{"", "prod", "cluster ready"}, {"enforce", "prod", "ClusterPolicy gate-keeper updated in Enforce"}, {"enforce", "prod", "in force, seen by 3 requests whose answer changes"},
		{"enforce", "prod", "1,200 requests sent"}, {"enforce", "", "gate: rolled back"}, {"enforce", "prod", "rolled back to the previous policies"}, {"", "prod", "way back: audit"},
	} {
		tl.Steps = append(tl.Steps, timeline.Step{At: time.Duration(len(tl.Steps)), Stage: s[0], Cluster: s[1], What: s[2]})
	}
	tl.Steps = append(tl.Steps, timeline.Step{At: time.Hour, What: "cluster lost", Error: "killed"})
	var got []string
	for _, m := range RundownOf(tl).Marks {
		got = append(got, string(m.Kind)+" "+Number(m.Stage)+" "+m.Text)
	}
	want := []string{
		"step -1 cluster ready", "policy 1 ClusterPolicy gate-keeper updated in Enforce", "policy 1 in force, seen by 3 requests whose answer changes",
		"denied 1 1,200 requests sent: 12 of 1,200 denied", "gate 1 gate: rolled back", "rollback 1 rolled back to the previous policies",
		"rollback -1 way back: audit", "denied 1 1 of 5 denied", "failed -1 cluster lost",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestEndOfAnything(t *testing.T) {
	if End(-5, 3) != 3 || End(math.MaxInt64, 1) != math.MaxInt64 || End(1, -1) != 1 {
		t.Error("End leaves the range of times")
	}
}
