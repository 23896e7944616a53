package kyverno

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	engineutils "github.com/kyverno/kyverno/pkg/engine/utils"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Kyverno asks the preconditions of a rule in the order in which they are written: those of any until
// one is true, then those of all until one is false. One of these that is false by what is known skips
// the rule, whatever those after it and the rule itself would read.

// settle turns an answer into Undecided where it rests on something that is not known.
func (c *classic) settle(v verdict.Verdict, req *request, found []miss, part kyvernov1.PolicyInterface, ask asking) verdict.Verdict {
	settled := c.needs.settle(v, req, found)
	if settled.Outcome == verdict.Undecided && v.Outcome == verdict.Skip && len(v.Exceptions) == 0 && c.skipsAnyway(v.Rule, req, part, ask) {
		return v
	}
	return settled
}

// skipsAnyway asks again with those preconditions alone that are known. Rules before it are asked,
// too: what they make of the object, it reads.
func (c *classic) skipsAnyway(name string, req *request, part kyvernov1.PolicyInterface, ask asking) bool {
	rules := installAutogenMemo().ComputeRules(part, "")
	at := slices.IndexFunc(rules, func(r kyvernov1.Rule) bool { return r.Name == name })
	if at < 0 {
		return false
	}
	conditions := req.knownFirst(rules[at])
	if len(conditions) == 0 {
		return false
	}
	rules = slices.Clone(rules[:at+1])
	rules[at].RawAnyAllConditions = nil // it is shared
	rules[at].SetAnyAllConditions(kyvernov1.AnyAllConditions{AllConditions: conditions})
	er := ask(c.withWritten(rules).policy)
	missed := req.misses.take()
	return !slices.ContainsFunc(missed, func(m miss) bool { return m.rule == "" || m.rule == name }) && unmetBy(er, name)
}

// unmetBy tells whether the preconditions of a rule were not met. Background checks say no more.
func unmetBy(er engineapi.EngineResponse, name string) bool {
	return slices.ContainsFunc(er.PolicyResponse.Rules, func(r engineapi.RuleResponse) bool {
		unmet := r.Message() == "" || strings.HasPrefix(r.Message(), "preconditions not met")
		return r.Name() == name && r.Status() == engineapi.RuleStatusSkip && len(r.Exceptions()) == 0 && unmet
	})
}

// knownFirst are the preconditions of a rule that must all be met, up to the first of which it is not
// known whether it is; none where that is not known of those of which one must be met, and might be
// an error.
func (r *request) knownFirst(rule kyvernov1.Rule) []kyvernov1.Condition {
	unknown := func(c kyvernov1.Condition) bool { return !r.knows(c, rule) }
	written, err := engineutils.TransformConditions(rule.GetAnyAllConditions())
	if err != nil || r.deletesAsSent() {
		return nil
	}
	all, _ := written.([]kyvernov1.Condition)
	if both, ok := written.(kyvernov1.AnyAllConditions); ok {
		if all = both.AllConditions; slices.ContainsFunc(both.AnyConditions, unknown) {
			return nil
		}
	}
	if end := slices.IndexFunc(all, unknown); end >= 0 {
		all = all[:end]
	}
	return all
}

// knows tells whether all is known that a precondition reads. Where its text leaves room for doubt,
// it is not.
func (r *request) knows(condition kyvernov1.Condition, rule kyvernov1.Rule) bool {
	text, _ := json.Marshal(condition) // it was decoded from JSON
	reads := readsIn(text)
	named := slices.ContainsFunc(rule.Context, func(e kyvernov1.ContextEntry) bool { return reads.reads(e.Name) })
	switch {
	case reads.opaque || named || nested.Match(text) || drawsRandom.Match(text) || ordersKeys(text):
		return false
	case !r.userKnown() && reads.user(text), !r.env.rolesKnown && !r.nobody && r.env.mocks == nil && reads.roles():
		return false
	case (readsOld.Match(text) || reads.reads("request.oldObject")) && (r.rec.Lacks(capture.MissingOldObject) || r.asSent()):
		return false
	case r.rec.Redacted && reads.secrets(text, r):
		return false
	}
	return len(r.undrawn(reads.draws(string(text)))) == 0
}

// nested finds a variable in another, which may name what is read.
var nested = regexp.MustCompile(`\{\{[^}]*\{\{`)

// secrets tells whether values of Secrets may be read, be it with what they are in.
func (r *ruleReads) secrets(text []byte, req *request) bool {
	for _, object := range []string{"request.object", "request.oldObject"} {
		if r.reads(object+".data") || r.reads(object+".stringData") || req.hidesNotes() && r.notes(object) {
			return true
		}
	}
	return secretsOfRule(kyvernov1.Rule{}, string(text)).hidden(req)
}

// notes tells whether the annotation may be read that kubectl keeps an object in.
func (r *ruleReads) notes(object string) bool {
	return r.reach(append(strings.Split(object, "."), "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"))
}

// drawnAt is where JMESPath finds values that are drawn; those that it does not list may be
// anywhere in an object.
var drawnAt = map[draws][]string{
	drawsRequest: {"request.uid"}, drawsOptions: {"request.options"},
	drawsUID: {"request.object.metadata.uid"}, drawsCreated: {"request.object.metadata.creationTimestamp"},
	drawsVersion: {"request.object.metadata.resourceVersion"}, drawsGeneration: {"request.object.metadata.generation"},
	drawsManagers: {"request.object.metadata.managedFields", "request.oldObject.metadata.managedFields"},
	drawsAddress:  {"request.object.spec.clusterIP", "request.object.spec.clusterIPs"},
	drawsHealth:   {"request.object.spec.healthCheckNodePort"}, drawsPort: {"request.object.spec.ports.*.nodePort"},
}

// draws are the values that may be read, be it with what they are in.
func (r *ruleReads) draws(text string) draws {
	read := drawsOf(text)
	for _, reader := range allReaders {
		places, listed := drawnAt[reader.value]
		if !listed {
			places = []string{"request.object.metadata.labels", "request.object.spec", "request.object.status"}
		}
		if slices.ContainsFunc(places, r.reads) {
			read |= reader.value
		}
	}
	return read
}
