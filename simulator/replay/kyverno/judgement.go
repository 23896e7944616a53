package kyverno

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wI2L/jsondiff"
	"go.yaml.in/yaml/v3"

	"github.com/seatrial/seatrial/simulator/verdict"
)

func (s *sideRun) judgement() verdict.Judgement {
	if s.refused != "" {
		return verdict.Judgement{Decision: verdict.OutOfScope, Reason: s.refused}
	}
	if !s.asked {
		if s.outside != "" {
			return verdict.Judgement{Decision: verdict.OutOfScope, Reason: s.outside}
		}
		return verdict.Judgement{Decision: verdict.Allowed}
	}
	j := verdict.Judgement{Decision: verdict.Allowed, Verdicts: s.verdicts, Generated: s.generated}
	slices.SortFunc(s.unordered, verdict.PolicyRef.Compare)
	j.Unordered = slices.Compact(s.unordered)
	slices.SortStableFunc(j.Verdicts, verdict.Verdict.Compare)
	slices.SortStableFunc(j.Generated, func(a, b verdict.Generated) int { return strings.Compare(a.Target, b.Target) })
	switch {
	case len(s.denials) > 0:
		j.Decision, j.Messages, j.Generated = verdict.Denied, s.messages(), nil
		j.Message = j.Messages[0]
	case s.unsure != nil:
		j.Decision, j.Reason = verdict.DecisionUndecided, s.unsure.Reason
	}
	if j.Decision != verdict.Denied {
		slices.Sort(s.warnings)
		j.Warnings = slices.Compact(s.warnings)
	}
	if !s.stored && s.version != 0 {
		s.mutated = s.req.adm.Object.Raw
	}
	if s.mutated != nil && j.Decision != verdict.Denied {
		j.Patch = patch(s.req.sent, s.mutated)
	}
	return j
}

// messages are what the user may be told. Policies of one webhook speak with one voice; of
// several webhooks the first to answer is heard. ClusterPolicies come first here.
func (s *sideRun) messages() []string {
	failures := map[string]map[string]string{}
	var others []string
	for _, d := range s.denials {
		if d.failures == nil {
			others = append(others, d.message)
			continue
		}
		failures[d.unit.ref().Name] = d.failures
	}
	if len(others) > 1 {
		others = append([]string{strings.Join(others, "; ")}, others...)
	}
	if len(failures) == 0 {
		return others
	}
	var text strings.Builder
	namespace := s.req.adm.Namespace
	if s.req.adm.Kind.Kind == "Namespace" {
		namespace = "" // the object has none
	}
	fmt.Fprintf(&text, "resource %s/%s/%s was blocked due to the following policies \n\n", s.req.adm.Kind.Kind, namespace, s.req.adm.Name)
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(failures); err != nil {
		fmt.Fprintf(&text, "%v", failures)
	}
	return append([]string{text.String()}, others...)
}

func patch(before, after []byte) []byte {
	operations, err := jsondiff.CompareJSON(before, after)
	if err != nil || len(operations) == 0 {
		return nil
	}
	encoded := []byte("[")
	for i, op := range operations {
		if i > 0 {
			encoded = append(encoded, ',')
		}
		one, err := op.MarshalJSON()
		if err != nil {
			return nil
		}
		encoded = append(encoded, one...)
	}
	return append(encoded, ']')
}
