package suite

import (
	"encoding/json"
	"slices"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

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
