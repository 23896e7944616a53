package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const junitMessage = 4000 // bytes of a message that is quoted

// renderJUnit writes one test suite for each policy and one test case for each workload
// and rule with a change: newly denied is a failure, an error an error, undecided
// skipped; other changes pass and tell in system-out. The budget, what of a hub change does
// not ship, the rejected policies and the rehearsal are suites of their own.
func renderJUnit(w io.Writer, r *reports.Report, _ Options) error {
	suites := junitSuites{Name: r.Tool.Name}
	suites.add(budgetSuite(r))
	suites.add(shortfallSuite(r))
	for _, suite := range policySuites(r) {
		suites.add(suite)
	}
	suites.add(rejectedSuite(r))
	suites.add(rehearsalSuite(r.Rehearsal))
	return writeJUnit(w, suites)
}

func budgetSuite(r *reports.Report) *junitSuite {
	suite := newSuite("budget")
	suite.property("headline", r.Headline)
	suite.property("status", string(r.Status))
	if !r.Predicted() {
		return suite
	}
	for _, c := range r.Question.Captures {
		suite.property("capture", captured(&c))
	}
	suite.property("baseline", set(&r.Question.Baseline))
	suite.property("candidate", set(&r.Question.Candidate))
	suite.property("kyverno", r.Tool.Kyverno)
	for _, l := range r.Budget {
		c := junitCase{Name: clean(l.Name), Class: "budget"}
		if l.Exceeded {
			c.Failure = said("budget", fmt.Sprintf("found %s, allowed %s", l.Found, l.Allowed), "")
		}
		suite.add(c)
	}
	return suite
}

// policySuites are in the report's order of policies; changes that no single rule explains,
// and policies that the report does not list, come last.
func policySuites(r *reports.Report) []*junitSuite {
	var suites []*junitSuite
	known := map[verdict.PolicyRef]*junitSuite{}
	open := func(ref verdict.PolicyRef) *junitSuite {
		name := ref.String()
		if ref == (verdict.PolicyRef{}) {
			name = "changes that no single rule explains"
		}
		suite := newSuite(name)
		known[ref] = suite
		suites = append(suites, suite)
		return suite
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		suite := open(p.Ref)
		suite.property("change", p.Change)
		suite.property("file", position(p.File, p.Line))
		suite.property("severity", p.Severity)
	}
	for i := range r.Workloads {
		w := &r.Workloads[i]
		for _, found := range byRule(w.Findings) {
			suite := known[found[0].Policy]
			if suite == nil {
				suite = open(found[0].Policy)
			}
			suite.add(caseOf(w, found))
		}
	}
	for _, suite := range suites {
		if len(suite.Cases) == 0 {
			suite.add(junitCase{Name: "no workload changes", Class: suite.Name})
		}
	}
	return suites
}

// byRule groups a workload's findings by policy and rule; each group keeps the order, worst first.
func byRule(findings []reports.Finding) [][]*reports.Finding {
	type key struct {
		policy verdict.PolicyRef
		rule   string
	}
	var groups [][]*reports.Finding
	known := map[key]int{}
	for i := range findings {
		f := &findings[i]
		k := key{f.Policy, f.Rule}
		at, ok := known[k]
		if !ok {
			at = len(groups)
			known[k] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], f)
	}
	return groups
}

func caseOf(w *reports.Workload, found []*reports.Finding) junitCase {
	name := w.Cluster + ": " + owner(w)
	if found[0].Rule != "" {
		name += ": " + found[0].Rule
	}
	c := junitCase{Name: clean(name), Class: clean(found[0].Policy.String())}
	worst := found[0]
	title := fmt.Sprintf("%s: %s → %s", long(worst.Class), worst.Before, worst.After)
	if worst.Bite != "" {
		title += ", bites " + when(worst.Bite)
	}
	switch worst.Class {
	case reports.NewlyDenied:
		c.Failure = said(string(worst.Class), title, worst.Message)
	case reports.Error:
		c.Error = said(string(worst.Class), title, worst.Message)
	case reports.Undecided:
		c.Skipped = &junitSaid{Message: clean(title + ": " + cut(firstOf(worst.Reason, worst.Message), junitMessage))}
	}
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s: %s, %s, %s → %s", long(f.Class), clean(f.Subject), count(f.Requests, "request"), clean(f.Before), clean(f.After)))
		if f.Message != "" && f != worst {
			out = append(out, "  "+clean(cut(f.Message, junitMessage)))
		}
		if f.Resolve != "" {
			out = append(out, "  to decide it: "+clean(cut(f.Resolve, junitMessage)))
		}
	}
	c.Out = strings.Join(out, "\n")
	return c
}

func rejectedSuite(r *reports.Report) *junitSuite {
	suite := newSuite("rejected policies")
	for _, x := range r.Rejected {
		suite.add(junitCase{
			Name: clean(position(x.File, x.Line) + " " + x.Policy), Class: "rejected policies",
			Error: said("rejected", "Kyverno would not accept the policy ("+x.Side+")", x.Reason),
		})
	}
	return suite
}
