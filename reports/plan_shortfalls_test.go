package reports

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// planOf is a plan with one of each that does not ship.
func planOf() *Plan {
	return &Plan{
		Problems: []PlanProblem{{File: "o.yaml", Line: 3, Object: "ClusterResourceOverride/x", Reason: "invalid: path"}},
		Placements: []PlanPlacement{
			{Kind: "ClusterResourcePlacement", Name: "wide", File: "p.yaml", Line: 1, Scheduled: placement.Condition{Status: "False", Reason: "SchedulingPolicyUnfulfilled", Message: "found 1"}},
			{
				Kind: "ClusterResourcePlacement", Name: "base", Scheduled: placement.Condition{Status: "True"},
				Runs: []placement.RunOutcome{
					{Name: "run-1", Condition: placement.Condition{Status: "False", Reason: "UpdateRunInitializedFailed", Message: "no stage"}},
					{Name: "run-2", Condition: placement.Condition{Status: "False", Reason: "UpdateRunStuck"}},
				},
				Overrides: []placement.OverrideUse{{Name: "dev-0", Clusters: []string{"a", "b"}, Failed: []string{"a"}, Reason: "no such path"}, {Name: "fine-0"}},
			},
		},
		Warnings: []PlanWarning{
			{Code: "run-fails", File: "r.yaml", Line: 7, Object: "ClusterStagedUpdateRun/run-1", Text: "the run fails", Fix: "correct it"},
			{Code: "run-fails", File: "r.yaml", Line: 9, Object: "ClusterStagedUpdateRun/lost", Text: "the run fails: no placement"},
			{Code: "pruned", Text: "a field goes"},
			{Code: "kyverno-refuses", Object: "ClusterResourcePlacement/base", Text: "not taken", Members: []string{"b"}},
			{Code: "no-run-ships-it", Object: "ClusterResourcePlacement/base", Text: "no run", Members: []string{"b", "c"}},
		},
		Policies: []PlanPolicy{{After: []PlanHolding{
			{Version: PlanVersion{Mode: policy.Audit}, Clusters: []string{"e"}},
			{Version: PlanVersion{Stale: "the hub is down"}, Clusters: []string{"c", "d"}},
		}}},
	}
}

func TestShortfalls(t *testing.T) {
	p := planOf()
	var lines []string
	for _, x := range p.Shortfalls() {
		mark := "behind"
		if x.Refused {
			mark = "refused"
		}
		lines = append(lines, strings.Join([]string{mark, x.brief(), x.File, x.Fix}, " | "))
	}
	want := []string{
		"refused | ClusterResourceOverride/x: invalid | o.yaml | ",
		"refused | placement wide: SchedulingPolicyUnfulfilled | p.yaml | ",
		"refused | run run-1: UpdateRunInitializedFailed | r.yaml | correct it",
		"refused | override dev-0 fails on 1 cluster |  | ",
		"refused | run lost: the run fails | r.yaml | ",
		"refused | not taken on 1 cluster |  | ",
		"behind | no run on 2 clusters |  | ",
		"behind | the hub is down on 1 cluster |  | ",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("shortfalls (-want +got):\n%s", diff)
	}
	refusals := []string{"1 hub object refused", "placement wide: SchedulingPolicyUnfulfilled", "run run-1: UpdateRunInitializedFailed", "override dev-0 fails on 1 cluster", "run lost: the run fails", "not taken on 1 cluster"}
	if diff := cmp.Diff(refusals, refusalsOf(p)); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

// TestUnshipped holds that a hub change that does not ship is not within the budget, unless
// the budget allows it, and that the headline says why.
func TestUnshipped(t *testing.T) {
	six, three := 6, 3
	for name, test := range map[string]struct {
		plan   *Plan
		budget blast.Hub
		status Status
		says   string
	}{
		"ships":           {&Plan{}, blast.Hub{}, WithinBudget, "nothing changes: 1 request judged"},
		"does not":        {planOf(), blast.Hub{}, BudgetExceeded, "the hub change does not ship as asked: ClusterResourceOverride/x: invalid and 7 more reasons; of what ships, nothing changes"},
		"allowed":         {planOf(), blast.Hub{Refused: &six, Behind: &three}, WithinBudget, "nothing changes"},
		"refused allowed": {planOf(), blast.Hub{Refused: &six}, BudgetExceeded, "the hub change does not ship as asked: no run on 2 clusters and 7 more reasons"},
	} {
		r := Build(Input{Baseline: policy.FromObjects("a", nil), Candidate: policy.FromObjects("b", nil), Radius: radiusOf(answer(pod("prod", "shop", "x"), allowed, allowed)), Hub: test.plan, HubBudget: test.budget})
		if r.Status != test.status || !strings.HasPrefix(r.Headline, test.says) {
			t.Errorf("%s: %s, %q\nwant %s, %q", name, r.Status, r.Headline, test.status, test.says)
		}
	}
}

func TestWayOut(t *testing.T) {
	for reason, want := range map[string]string{
		`spec.resourceSnapshotIndex: Invalid value: "integer": spec.resourceSnapshotIndex in body must be of type string: "integer"`: "quote it",
		"spec.resourceSnapshotIndex: Required value":                                                          "state: Run",
		"invalid resource selector x: the resource has been selected by both a and b, which is not supported": "one override",
		"spec.policy: Required value":                                                                         "",
	} {
		if got := wayOut(reason); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", reason, got, want)
		}
	}
}
