package kyverno

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/kyverno/kyverno/pkg/config"
	"github.com/wI2L/jsondiff"
	"go.yaml.in/yaml/v3"

	"github.com/seatrial/seatrial/simulator/verdict"
)

func (s *sideRun) judgement() verdict.Judgement {
	if s.refused != "" {
		return s.refusal()
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
	s.denials, s.beside = s.heard(s.denials), s.heard(s.beside)
	switch {
	case len(s.denials) > 0:
		j.Decision, j.Messages, j.Generated = verdict.Denied, s.messages(), nil
		j.Message = j.Messages[0]
		j.Messages = withMessages(j.Messages, append(s.drawnMessages(), s.elsewise...))
	case s.left():
		j.Decision, j.Reason = verdict.DecisionUndecided, "Kyverno crashes on the request, and may or may not answer its other webhooks before"
	case s.unsure != nil:
		j.Decision, j.Reason = verdict.DecisionUndecided, s.unsure.Reason
	}
	if j.Decision != verdict.Denied {
		slices.Sort(s.warnings)
		all := slices.Compact(s.warnings)
		j.Undelivered = slices.DeleteFunc(slices.Clone(all), func(w string) bool { return !undeliverable(w) })
		j.Warnings, j.Instead = slices.DeleteFunc(all, undeliverable), s.reworded
	}
	if !s.stored && s.version != 0 {
		s.mutated = s.req.adm.Object.Raw
	}
	if s.mutated != nil && j.Decision != verdict.Denied {
		j.Patch = patch(s.req.sent, s.req.returned(s.mutated))
	}
	return j
}

// refusal is the answer where the API server itself refuses the object.
func (s *sideRun) refusal() verdict.Judgement {
	if !s.rejected {
		return verdict.Judgement{Decision: verdict.OutOfScope, Reason: s.refused}
	}
	j := verdict.Judgement{Decision: verdict.Denied, Message: s.refused, Messages: withMessages([]string{s.refused}, s.elsewise), Verdicts: s.verdicts}
	if s.unsure != nil { // who could have changed the object otherwise
		j = verdict.Judgement{Decision: verdict.DecisionUndecided, Reason: s.unsure.Reason, Verdicts: s.verdicts}
	}
	slices.SortStableFunc(j.Verdicts, verdict.Verdict.Compare)
	slices.SortFunc(s.unordered, verdict.PolicyRef.Compare)
	j.Unordered = slices.Compact(s.unordered)
	return j
}

// overhear keeps what another order of a webhook's policies refuses with. It is told also where the
// order at hand admits and somebody else refuses later.
func (s *sideRun) overhear(way *sideRun) {
	if len(way.denials) > 0 {
		s.elsewise = append(s.elsewise, way.messages()...)
	}
}

// withMessages are messages with more of them, each once.
func withMessages(messages, more []string) []string {
	for _, m := range more {
		if !slices.Contains(messages, m) {
			messages = append(messages, m)
		}
	}
	return messages
}

// drawnMessages are what else the user may be told, where Kyverno draws the words of a policy.
func (s *sideRun) drawnMessages() (messages []string) {
	for i, d := range s.denials {
		for _, other := range d.others {
			way := *s
			way.denials = slices.Clone(s.denials)
			way.denials[i] = other
			messages = append(messages, way.messages()...)
		}
	}
	return messages
}

// undeliverable tells whether a warning cannot be a header of HTTP: the API server drops those
// that have line breaks, and nobody hears of them, but for what it cuts off before the first.
func undeliverable(warning string) bool { return strings.ContainsFunc(warning, unicode.IsControl) }

// messages are what the user may be told. The API server's own policies come before
// webhooks, and each speaks for itself. A webhook speaks with one voice for its policies;
// of several the first to answer is heard. Those of ClusterPolicies come first here.
func (s *sideRun) messages() []string {
	var own, early []string
	var voices []string
	for _, d := range s.denials {
		voice := s.side.voices[d.unit]
		switch {
		case voice == "":
			own = append(own, d.message)
		case d.early:
			early = append(early, d.message)
		case !slices.Contains(voices, voice):
			voices = append(voices, voice)
		}
	}
	if len(own) > 0 {
		return own
	}
	if len(early) > 0 {
		return early
	}
	classic := config.ValidatingWebhookName
	slices.SortFunc(voices, func(a, b string) int {
		if x, y := strings.HasPrefix(a, classic), strings.HasPrefix(b, classic); x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return strings.Compare(a, b)
	})
	var all []string
	for _, voice := range voices {
		all = append(all, s.message(voice))
	}
	return all
}

// message is what a webhook tells of its policies: ClusterPolicies list all rules that failed,
// of those that do not refuse as well.
func (s *sideRun) message(voice string) string {
	failures := map[string]map[string]string{}
	var sayings, errors []string
	for _, d := range append(slices.Clone(s.denials), s.beside...) {
		switch {
		case s.side.voices[d.unit] != voice:
		case mutates(d.unit):
			errors = append(errors, d.message)
		case d.failures != nil:
			failures[d.unit.ref().Name] = d.failures
		case d.message != "":
			sayings = append(sayings, d.message)
		}
	}
	if len(errors) > 0 {
		adm := &s.req.adm
		return fmt.Sprintf("Resource: %s/%s, Kind: %s, Errors: %v", adm.Namespace, adm.Name, adm.Kind.Kind, errors)
	}
	if len(failures) == 0 {
		return strings.Join(sayings, "; ")
	}
	return s.blocked(failures)
}

func mutates(u unit) bool {
	_, ok := u.(*mutating)
	return ok
}

// blocked is Kyverno's message about ClusterPolicies, with their failed rules.
func (s *sideRun) blocked(failures map[string]map[string]string) string {
	var text strings.Builder
	namespace := s.req.adm.Namespace
	if s.req.adm.Kind.Kind == "Namespace" {
		namespace = "" // the object has none
	}
	name := nameIn(s.req.adm.Object.Raw) // the options of a connection have none
	if len(s.req.adm.Object.Raw) == 0 {
		name = nameIn(s.req.adm.OldObject.Raw)
	}
	fmt.Fprintf(&text, "resource %s/%s/%s was blocked due to the following policies \n\n", s.req.adm.Kind.Kind, namespace, name)
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(failures); err != nil {
		fmt.Fprintf(&text, "%v", failures)
	}
	return text.String()
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
