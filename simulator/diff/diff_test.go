package diff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/verdict"
)

var labels = verdict.PolicyRef{Kind: "ClusterPolicy", Name: "labels"}

func rule(name string, outcome verdict.Outcome, action verdict.Action) verdict.Verdict {
	return verdict.Verdict{Policy: labels, Rule: name, Type: verdict.Validate, Outcome: outcome, Action: action, Message: "m"}
}

func judged(decision verdict.Decision, verdicts ...verdict.Verdict) verdict.Judgement {
	return verdict.Judgement{Decision: decision, Verdicts: verdicts}
}

func warns(text string, j verdict.Judgement) verdict.Judgement {
	j.Warnings = []string{text}
	return j
}

// say writes changes as "class rule before>after", one a line.
func say(changes []Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Class, c.Rule, strings.Join(c.Objects, ","))))
	}
	return strings.Join(out, "; ")
}

func TestCompare(t *testing.T) {
	enforce, audit := verdict.Enforce, verdict.Audit
	for name, test := range map[string]struct {
		reason        string
		before, after verdict.Judgement
		want          string
	}{
		"same": {"the same answers are no news",
			judged(verdict.Denied, rule("a", verdict.Fail, enforce)), judged(verdict.Denied, rule("a", verdict.Fail, enforce)), ""},
		"new rule denies": {"a rule that was not there refuses an admitted request",
			judged(verdict.Allowed), judged(verdict.Denied, rule("a", verdict.Fail, enforce)), "newly-denied a"},
		"second rule denies": {"a request that is refused already is not newly denied by another rule",
			judged(verdict.Denied, rule("a", verdict.Fail, enforce)), judged(verdict.Denied, rule("a", verdict.Fail, enforce), rule("b", verdict.Fail, enforce)), ""},
		"audit to enforce": {"the same failure now blocks",
			judged(verdict.Allowed, rule("a", verdict.Fail, audit)), judged(verdict.Denied, rule("a", verdict.Fail, enforce)), "newly-denied a"},
		"enforce to audit": {"the failure stays, the refusal goes",
			judged(verdict.Denied, rule("a", verdict.Fail, enforce)), judged(verdict.Allowed, rule("a", verdict.Fail, audit)), "newly-allowed a"},
		"newly failing": {"a new failure that does not block",
			judged(verdict.Allowed, rule("a", verdict.Pass, audit)), judged(verdict.Allowed, rule("a", verdict.Fail, audit)), "newly-failing a"},
		"resolved": {"an audit failure that is gone",
			judged(verdict.Allowed, rule("a", verdict.Fail, audit)), judged(verdict.Allowed, rule("a", verdict.Pass, audit)), "resolved a"},
		"rule removed": {"an audit failure whose rule is gone",
			judged(verdict.Allowed, rule("a", verdict.Fail, audit)), judged(verdict.Allowed), "resolved a"},
		"refused before it is asked": {"an audit rule that is silent because the request is refused before has not resolved",
			judged(verdict.Allowed, rule("a", verdict.Fail, audit)), judged(verdict.Denied, rule("b", verdict.Error, enforce)), "newly-denied b"},
		"not resolved": {"what cannot be known any more is undecided, not resolved",
			judged(verdict.Allowed, rule("a", verdict.Fail, audit)), judged(verdict.Allowed, rule("a", verdict.Undecided, audit)), "undecided a"},
		"undecided on both sides": {"a gap stays visible when it is old",
			judged(verdict.DecisionUndecided, rule("a", verdict.Undecided, enforce)), judged(verdict.DecisionUndecided, rule("a", verdict.Undecided, enforce)), "undecided a"},
		"denied becomes undecided": {"a refusal that cannot be confirmed is not an admission",
			judged(verdict.Denied, rule("a", verdict.Fail, enforce)), judged(verdict.DecisionUndecided, rule("a", verdict.Undecided, enforce)), "undecided a"},
		"error denies": {"an error of a policy that fails closed refuses the request",
			judged(verdict.Allowed), judged(verdict.Denied, rule("a", verdict.Error, enforce)), "newly-denied a"},
		"error": {"an error that does not refuse is still an error",
			judged(verdict.Allowed), judged(verdict.Allowed, rule("a", verdict.Error, audit)), "error a"},
		"warned": {"a new warning",
			judged(verdict.Allowed), judged(verdict.Allowed, rule("a", verdict.Warn, verdict.ActionWarn)), "newly-warned a"},
		"warned of an old failure": {"a failure that is no news may come with a new warning",
			judged(verdict.Allowed, rule("a", verdict.Fail, audit)), warns("policy labels.a: m", judged(verdict.Allowed, rule("a", verdict.Fail, audit))), "newly-warned a"},
		"warned of before": {"another text of the same rule's warning is no news",
			warns("policy labels.a: n", judged(verdict.Allowed, rule("a", verdict.Fail, audit))), warns("policy labels.a: m", judged(verdict.Allowed, rule("a", verdict.Fail, audit))), ""},
		"refused before": {"who is admitted now with a warning was refused before",
			judged(verdict.Denied, rule("a", verdict.Fail, enforce)), warns("policy labels.a: m", judged(verdict.Allowed, rule("a", verdict.Fail, audit))), "newly-allowed a"},
		"warned by CEL": {"policies without rules are named by themselves",
			judged(verdict.Allowed, rule("", verdict.Fail, audit)), warns("Policy labels failed: m", judged(verdict.Allowed, rule("", verdict.Warn, verdict.ActionWarn))), "newly-warned"},
		"worst first": {"classes in order, then rules",
			judged(verdict.Allowed), judged(verdict.Denied, rule("z", verdict.Fail, audit), rule("b", verdict.Fail, enforce), rule("a", verdict.Undecided, enforce)), "newly-denied b; undecided a; newly-failing z"},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(test.want, say(Compare(&test.before, &test.after))); d != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, d)
			}
		})
	}
}

// What is generated comes of a rule, whose verdicts explain the change.
func TestGenerationNamesItsVerdicts(t *testing.T) {
	for _, kind := range []verdict.RuleType{verdict.Generate, verdict.MutateExisting} {
		before, after := judged(verdict.Allowed), judged(verdict.Allowed, verdict.Verdict{Policy: labels, Rule: "g", Type: kind, Outcome: verdict.Pass})
		after.Generated = []verdict.Generated{{Policy: labels, Rule: "g", Target: "A/x"}}
		changes := Compare(&before, &after)
		if len(changes) != 1 || changes[0].Before != nil || changes[0].After != &after.Verdicts[0] {
			t.Errorf("%s: %+v", kind, changes)
		}
	}
}

func TestMutationAndGeneration(t *testing.T) {
	made := func(targets ...string) []verdict.Generated {
		var out []verdict.Generated
		for _, target := range targets {
			name, content, _ := strings.Cut(target, "=")
			out = append(out, verdict.Generated{Policy: labels, Rule: "g", Target: name, Object: json.RawMessage(content)})
		}
		return out
	}
	before := verdict.Judgement{Decision: verdict.Allowed, Patch: json.RawMessage(`[1]`), Generated: made("A/x=1", "B/x=1", "C/x=1")}
	after := verdict.Judgement{Decision: verdict.Allowed, Patch: json.RawMessage(`[2]`), Generated: made("B/x=2", "C/x=1", "D/x=1")}
	if d := cmp.Diff("mutation-changed; generation-changed g + D/x,- A/x,~ B/x", say(Compare(&before, &after))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	before.Generated[1].Deleted, after.Generated[1].Deleted = true, true
	after.Generated[2].Deleted, before.Generated = true, append(before.Generated, verdict.Generated{Policy: labels, Rule: "g", Target: "E/x", Deleted: true})
	if d := cmp.Diff("mutation-changed; generation-changed g + B/x,+ E/x: kept,- A/x,- C/x: deleted,- D/x: deleted", say(Compare(&before, &after))); d != "" {
		t.Errorf("deletions (-want +got):\n%s", d)
	}
	after.Decision = verdict.Denied
	if d := cmp.Diff("newly-denied", say(Compare(&before, &after))); d != "" {
		t.Errorf("a refused request stores and makes nothing: %s", d)
	}
	keep := judged(verdict.Allowed)
	remove := judged(verdict.Allowed, verdict.Verdict{Policy: labels, Type: verdict.Delete, Outcome: verdict.Pass})
	if d := cmp.Diff("generation-changed  - the object itself", say(Compare(&keep, &remove))); d != "" {
		t.Errorf("a deleting policy (-want +got):\n%s", d)
	}
}
