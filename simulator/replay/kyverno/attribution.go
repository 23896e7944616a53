package kyverno

import (
	"bytes"
	"encoding/json"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// attribute tells what each policy has in the patches of the sides, where these differ.
func attribute(runs []*sideRun, out []verdict.Judgement) {
	for i := range out {
		if !bytes.Equal(out[i].Patch, out[0].Patch) {
			for i, run := range runs {
				out[i].Mutations = run.mutations()
			}
			return
		}
	}
}

// mutations are the changes of policies, in order.
func (s *sideRun) mutations() (out []verdict.Mutation) {
	for _, step := range s.steps {
		m := verdict.Mutation{Policy: step.unit.ref(), Type: verdict.Mutate, Patch: patch(step.was, step.object), Definition: step.unit}
		for _, v := range step.verdicts {
			if v.Outcome == verdict.Pass && (v.Type == verdict.Mutate || v.Type == verdict.VerifyImages) {
				m.Type = v.Type
				m.Rules = append(m.Rules, verdict.MutatingRule{Name: v.Rule, Definition: definitionOf(step.unit, v.Rule)})
			}
		}
		out = append(out, m)
	}
	return out
}

// definitionOf is the text of a rule; empty of policies that have none.
func definitionOf(u unit, rule string) string {
	ruled, ok := u.(interface{ definition(rule string) []byte })
	if !ok {
		return ""
	}
	return string(ruled.definition(rule))
}

func (c *classic) definition(name string) []byte {
	rule := ruleOf(c.policy, name)
	if rule == nil {
		return nil
	}
	text, _ := json.Marshal(rule) // it was decoded before
	return text
}
