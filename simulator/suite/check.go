package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// check fills a row.
func (t *trial) check(row *Row, e *Expected, n name) {
	if reason := t.rejection(e); reason != "" {
		row.Status, row.Reason = Errored, reason
		return
	}
	unknown := t.unknown(e)
	if unknown == "" && t.opt.CLI {
		unknown = t.unread(e)
	}
	if unknown != "" {
		row.Status, row.Reason = Failed, unknown
		return
	}
	if n.kind == "" && !t.opt.CLI {
		n = n.of(e.Kind)
	}
	found, named := t.found(e, n)
	if t.opt.CLI && !named && len(found) == 0 {
		found, named = t.found(e, name{}) // a name that no resource has means all of them there
	}
	if len(found) > 0 || !t.opt.CLI { // Kyverno's own runner reads them when there is something to compare
		if err := t.readable(e); err != nil {
			row.Status, row.Reason = Errored, err.Error()
			return
		}
	}
	if t.settle(row, e, found, named); len(found) == 0 && !named {
		row.Status, row.Reason = Failed, t.absent(e, n)
	}
	if row.Status == Failed {
		row.Reason += t.unexcepted(e)
	}
}

// readable says what is wrong with the files that an entry compares with.
func (t *trial) readable(e *Expected) error {
	for _, file := range append([]string{e.PatchedResources, e.GeneratedResource}, e.GeneratedResources...) {
		if file == "" {
			continue
		}
		if _, err := t.documents(file); err != nil {
			return err
		}
	}
	return nil
}

// unknown says what an entry names that the suite does not have.
func (t *trial) unknown(e *Expected) string {
	known := false
	var rules []string
	for _, o := range t.set.Objects {
		if o.Name != lastPart(e.Policy) || !strings.HasSuffix(o.Kind, "Policy") {
			continue
		}
		if known = true; e.Rule == "" || !isClassic(o.Kind) || t.opt.CLI {
			return ""
		}
		var written struct {
			Spec struct{ Rules []struct{ Name string } }
		}
		if err := json.Unmarshal(o.JSON, &written); err != nil {
			return ""
		}
		for _, rule := range written.Spec.Rules {
			if isRule(e.Rule, rule.Name) {
				return ""
			}
			rules = append(rules, rule.Name)
		}
	}
	if !known {
		return "the suite has no policy " + e.Policy
	}
	return "policy " + e.Policy + " has no rule " + e.Rule + ", so this tests nothing; it has " + strings.Join(rules, ", ")
}

// found lists the answers that an entry is about, and tells whether its resource is there.
func (t *trial) found(e *Expected, n name) (found []finding, named bool) {
	for _, s := range t.said[e.Operation] {
		if n.matches(s.resource.head) {
			named = true
			found = append(found, t.findings(e, s)...)
		}
		found = append(found, t.targets(e, n, s)...)
	}
	return found, named
}

func lastPart(s string) string { return s[strings.LastIndex(s, "/")+1:] }

// finding is one answer that an entry is about. fault says what is wrong with what the rule
// made; missing that the expected file does not hold the resource.
type finding struct {
	got, message, fault string
	missing             bool
}

// findings lists what the entry's rule said of a resource.
func (t *trial) findings(e *Expected, s said) []finding {
	var found []finding
	for _, a := range s.answers {
		if a.Policy.Name != lastPart(e.Policy) {
			continue
		}
		for _, v := range a.Verdicts {
			if !isClassic(a.Policy.Kind) && v.Type == verdict.MutateExisting {
				continue // its targets answer
			}
			if !isClassic(a.Policy.Kind) || e.Rule == "" || isRule(v.Rule, e.Rule) {
				found = append(found, t.finding(e, a, v))
			}
		}
	}
	return found
}

// isRule tells whether a rule is the written one, or made of it for pod controllers.
func isRule(rule, written string) bool {
	return rule == written || rule == "autogen-"+written || rule == "autogen-cronjob-"+written
}

func isClassic(kind string) bool { return kind == "ClusterPolicy" || kind == "Policy" }

func (t *trial) finding(e *Expected, a kyverno.Said, v verdict.Verdict) finding {
	f := finding{got: t.outcome(v), message: v.Message}
	if v.Outcome == verdict.Undecided {
		f.message = v.Reason + "; " + v.Resolve
	}
	switch {
	case v.Type == verdict.Generate:
		f.fault = t.generated(e, a, v)
	case e.generates() && t.opt.CLI:
		f.fault = t.compareGenerated(e, a.Object)
	case e.generates():
		f.fault = "generatedResource is expected, and the rule generates nothing"
	case e.PatchedResources != "":
		f.fault, f.missing = t.compare(e.PatchedResources, a.Object)
	}
	if f.missing && !e.FailOnMissingResources {
		f.fault = ""
	}
	return f
}

// generates tells whether an entry expects a generated object.
func (e *Expected) generates() bool {
	return e.GeneratedResource != "" || len(e.GeneratedResources) > 0
}

// generated says how what a rule generates differs from what is expected of it.
func (t *trial) generated(e *Expected, a kyverno.Said, v verdict.Verdict) (fault string) {
	made := 0
	for _, g := range a.Generated {
		if g.Rule != v.Rule {
			continue
		}
		if made++; fault == "" {
			fault = t.compareGenerated(e, g.Object)
		}
	}
	if made == 0 && e.generates() && v.Outcome == verdict.Pass && !t.opt.CLI {
		return "generatedResource is expected, and the rule generated nothing"
	}
	return fault
}

// outcome is a verdict as a report would have it.
func (t *trial) outcome(v verdict.Verdict) string {
	if v.Outcome == verdict.Warn && v.Action == verdict.ActionWarn {
		return verdict.Fail.String()
	}
	if v.Outcome == verdict.Fail && t.unscored(v.Policy) {
		return verdict.Warn.String()
	}
	return v.Outcome.String()
}

// unscored tells that reports have a policy's failures as warnings.
func (t *trial) unscored(ref verdict.PolicyRef) bool {
	return slices.ContainsFunc(t.set.Objects, func(o policy.Object) bool {
		if o.Kind != ref.Kind || o.Name != ref.Name || o.Namespace != ref.Namespace {
			return false
		}
		var head struct {
			Metadata struct{ Annotations map[string]string }
		}
		return json.Unmarshal(o.JSON, &head) == nil && head.Metadata.Annotations["policies.kyverno.io/scored"] == "false"
	})
}

// targets lists what the entry's policy made of a resource that it changes besides the one
// that it is asked about.
func (t *trial) targets(e *Expected, n name, s said) []finding {
	if len(t.Test.TargetResources) == 0 {
		return nil
	}
	var found []finding
	for _, a := range s.answers {
		if a.Policy.Name != lastPart(e.Policy) {
			continue
		}
		for _, g := range a.Generated {
			if e.Rule != "" && isClassic(a.Policy.Kind) && g.Rule != e.Rule || !n.matches(headOf(g.Object)) {
				continue
			}
			f := finding{got: verdict.Pass.String()}
			if e.PatchedResources != "" {
				f.fault, f.missing = t.compare(e.PatchedResources, g.Object)
			}
			found = append(found, f)
		}
	}
	return found
}

const saysNothing = "the rule says nothing of the resource"

// settle compares what was found with what is expected.
func (t *trial) settle(row *Row, e *Expected, found []finding, named bool) {
	var got []string
	var wrong *finding
	missing := 0
	for i := range found {
		f := &found[i]
		if f.missing && !e.FailOnMissingResources {
			missing++
			continue
		}
		got = append(got, f.got)
		if wrong == nil && (f.got != e.Result || f.fault != "") {
			wrong = f
		}
		row.Message = f.message
	}
	slices.Sort(got)
	row.Got = strings.Join(slices.Compact(got), ", ")
	switch {
	case wrong != nil && wrong.got == verdict.Undecided.String():
		row.Status, row.Message, row.Reason = Errored, "", wrong.message
	case wrong != nil:
		row.Status, row.Message, row.Reason = Failed, wrong.message, wrong.fault
		if wrong.got != e.Result {
			row.Reason = fmt.Sprintf("want %s, got %s", e.Result, wrong.got)
		}
	case len(got) > 0 && e.Result == "skip":
		row.Status = Skipped
	case len(got) > 0:
		row.Status = Passed
	case missing > 0:
		row.Status, row.Reason = Skipped, fmt.Sprintf("%s does not hold the resource", e.PatchedResources)
	case named && t.opt.CLI && t.unheard(e):
		row.Status, row.Reason = Failed, "Not found: "+saysNothing
	case named && (e.Result == "pass" || e.Result == "skip" || t.opt.CLI):
		row.Status, row.Reason = Skipped, saysNothing
	case named:
		row.Status, row.Reason = Failed, "want "+e.Result+", but "+saysNothing
	}
}
