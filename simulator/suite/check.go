package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
