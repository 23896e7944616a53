package diff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// made is a mutation by "policy@definition rule=definition,…: patch".
func made(t *testing.T, text string) verdict.Mutation {
	t.Helper()
	head, patch, _ := strings.Cut(text, ": ")
	policy, rules, _ := strings.Cut(head, " ")
	name, definition, _ := strings.Cut(policy, "@")
	m := verdict.Mutation{Policy: verdict.PolicyRef{Kind: "ClusterPolicy", Name: name}, Type: verdict.Mutate, Definition: definition, Patch: json.RawMessage(patch)}
	for _, rule := range strings.Split(rules, ",") {
		name, definition, _ := strings.Cut(rule, "=")
		m.Rules = append(m.Rules, verdict.MutatingRule{Name: name, Definition: definition})
	}
	return m
}

func mutated(t *testing.T, texts []string) verdict.Judgement {
	t.Helper()
	j := verdict.Judgement{Decision: verdict.Allowed, Patch: json.RawMessage(fmt.Sprintf("%q", texts))}
	for _, text := range texts {
		m := made(t, text)
		j.Mutations = append(j.Mutations, m)
		for _, rule := range m.Rules {
			j.Verdicts = append(j.Verdicts, verdict.Verdict{Policy: m.Policy, Rule: rule.Name, Type: m.Type, Outcome: verdict.Pass})
		}
	}
	return j
}

func TestWhoMutatesOtherwise(t *testing.T) {
	const label, seccomp = `[{"op":"add","path":"/metadata/labels","value":{"team":"a"}}]`, `[{"op":"add","path":"/spec/x","value":"y"}]`
	for name, test := range map[string]struct {
		reason        string
		before, after []string
		want          string
	}{
		"each": {"every policy that does something is named",
			nil, []string{"labels@1 team=1: " + label, "seccomp@1 x=1: " + seccomp},
			"labels/team none>pass; seccomp/x none>pass"},
		"no more": {"and one that does no longer",
			[]string{"labels@1 team=1: " + label}, nil,
			"labels/team pass>none"},
		"the changed one": {"not those that do what they did",
			[]string{"labels@1 team=1: " + label, "pull@1 x=1: " + seccomp}, []string{"labels@1 team=1: " + label, "pull@2 x=2: " + strings.Replace(seccomp, `"y"`, `"z"`, 1)},
			"pull/x pass>pass"},
		"places": {"one that finds its place taken does what it did",
			[]string{`side@1 add=1: [{"op":"add","path":"/spec/containers/1","value":{"name":"proxy"}}]`},
			[]string{`log@1 add=1: [{"op":"add","path":"/spec/containers/1","value":{"name":"log"}}]`, `side@1 add=1: [{"op":"add","path":"/spec/containers/2","value":{"name":"proxy"}}]`},
			"log/add none>pass"},
		"another place": {"but not where it asks for another place itself",
			[]string{`side@1 add=1: [{"op":"add","path":"/spec/containers/0/tty","value":true}]`},
			[]string{`side@2 add=2: [{"op":"add","path":"/spec/containers/1/tty","value":true}]`},
			"side/add pass>pass"},
		"maps": {"a key in a map that another policy made is the same key",
			[]string{"labels@1 team=1: " + label},
			[]string{`env@1 env=1: [{"op":"add","path":"/metadata/labels","value":{"env":"b"}}]`, `labels@1 team=1: [{"op":"add","path":"/metadata/labels/team","value":"a"}]`},
			"env/env none>pass"},
		"knocked on": {"an unchanged policy that does something else for what another did is named",
			[]string{"labels@1 team=1: " + label},
			[]string{"first@1 x=1: " + seccomp, "labels@1 team=1: " + strings.Replace(label, `"a"`, `"b"`, 1)},
			"first/x none>pass; labels/team pass>pass"},
		"the changed rule": {"of the rules that apply, the one that changed",
			[]string{"both@1 a=1,b=1: " + label}, []string{"both@2 a=1,b=2: " + seccomp},
			"both/b pass>pass"},
		"several rules": {"of several that changed none alone",
			nil, []string{"both@1 a=1,b=1: " + label},
			"both/ none>pass"},
		"again": {"what a policy does when it is asked again belongs to it",
			[]string{"labels@1 team=1: " + label}, []string{"labels@1 team=1: " + label, "labels@1 team=1: " + seccomp},
			"labels/team pass>pass"},
		"nobody": {"where no policy does anything else by itself, none is named",
			[]string{"a@1 x=1: " + label, "b@1 x=1: " + seccomp}, []string{"b@1 x=1: " + seccomp, "a@1 x=1: " + label},
			"/ none>none"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := mutated(t, test.before), mutated(t, test.after)
			var got []string
			for _, c := range Compare(&before, &after) {
				got = append(got, fmt.Sprintf("%s/%s %s>%s", c.Policy.Name, c.Rule, outcome(c.Before), outcome(c.After)))
			}
			if d := cmp.Diff(test.want, strings.Join(got, "; ")); d != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, d)
			}
		})
	}
}

func outcome(v *verdict.Verdict) string {
	if v == nil {
		return "none"
	}
	return v.Outcome.String()
}

// What is there already is changed or left as it is, not new or gone.
func TestGenerationOverWhatIsThere(t *testing.T) {
	of := func(exists, same bool) verdict.Judgement {
		return verdict.Judgement{Decision: verdict.Allowed, Generated: []verdict.Generated{{Policy: labels, Rule: "g", Target: "A/x", Object: json.RawMessage("1"), Exists: exists, Same: same}}}
	}
	nothing := judged(verdict.Allowed)
	for _, test := range []struct {
		before, after verdict.Judgement
		want          string
	}{
		{nothing, of(false, false), "generation-changed g + A/x"},
		{nothing, of(true, false), "generation-changed g ~ A/x"},
		{nothing, of(true, true), ""},
		{of(false, false), nothing, "generation-changed g - A/x"},
		{of(true, false), nothing, "generation-changed g ~ A/x: left as it is"},
		{of(true, true), nothing, ""},
	} {
		if d := cmp.Diff(test.want, say(Compare(&test.before, &test.after))); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}
