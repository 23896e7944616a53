package render

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/reports"
)

// foundBy are the rules whose results differ between the sides.
func foundBy(r *reports.PolicyReports) []reports.ScannedRule {
	return slices.DeleteFunc(slices.Clone(r.Rules), func(s reports.ScannedRule) bool {
		return harms(s.Baseline) == harms(s.Candidate) && s.Baseline["pass"] == s.Candidate["pass"]
	})
}

// harms tells results that are no pass and no skip: "3 fail, 1 undecided".
func harms(counts map[string]int) string {
	text := ""
	for _, outcome := range []string{"fail", "warn", "error", "undecided"} {
		if n := counts[outcome]; n > 0 {
			if text != "" {
				text += ", "
			}
			text += number(n) + " " + outcome
		}
	}
	if text == "" && counts["pass"] > 0 {
		return "none"
	}
	if text == "" {
		return "·"
	}
	return text
}

func scanTitle(r *reports.PolicyReports) string {
	return fmt.Sprintf("PolicyReports after a background scan of %s: %s", count(r.Objects, "object"), count(len(r.Findings), "new finding"))
}

func (p *page) scan(r *reports.PolicyReports) {
	if r == nil {
		return
	}
	p.heading(scanTitle(r))
	t := newTable(flex("policy / rule", 24), left("today"), left("candidate"), right("pass"))
	rules := foundBy(r)
	for i := range rules {
		s := &rules[i]
		t.row(ruleName(s.Policy, s.Rule), harms(s.Baseline), harms(s.Candidate), number(s.Candidate["pass"]))
	}
	if len(rules) == 0 {
		p.line("  " + p.dim("no rule's results change"))
		return
	}
	p.table(t, p.limit(textRows), func(n int) string { return count(n, "rule") + " more" })
}

func mdScan(r *reports.PolicyReports) *section {
	s := &section{limit: 6000}
	if r == nil {
		return s
	}
	s.head = "\n### " + scanTitle(r) + "\n\n| policy / rule | today | candidate | pass |\n|---|---|---|--:|\n"
	rules := foundBy(r)
	s.list(len(rules), markdownRows, func(i int) string {
		one := &rules[i]
		return mdRow(mdCode(ruleName(one.Policy, one.Rule)), mdName(harms(one.Baseline)), mdName(harms(one.Candidate)), number(one.Candidate["pass"]))
	}, func(i int) string { return mdRest(count(len(rules)-i, "rule") + " more") })
	return s
}
