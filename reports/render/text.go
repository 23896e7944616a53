package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// How much of each list the text shows without Detail.
const (
	textRows      = 15
	textWorkloads = 10
	textFindings  = 3
	textLines     = 8 // of one text
)

// renderText is the report for a terminal: the answer first, then what was asked, then
// where it hurts, then what was not known.
func renderText(w io.Writer, r *reports.Report, opt Options) error {
	p := newPage(opt)
	p.glyph(statusGlyph(r))
	p.wrapped(p.bold, r.Headline, "  ")
	if r.Predicted() {
		p.asked(r)
	}
	p.budget(r.Budget)
	p.shortfalls(r.Shortfalls, len(r.Clusters))
	p.hubStages(r.Stages)
	p.policies(r)
	p.namespaces(r.Namespaces)
	p.teams(r.Teams)
	p.workloads(r.Workloads)
	p.scan(r.PolicyReports)
	p.unknowns(r.Unknowns)
	p.rejected(r.Rejected)
	p.skipped(r.Skipped)
	p.rehearsal(r.Rehearsal)
	p.notes(r)
	p.more(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

func statusGlyph(r *reports.Report) string {
	switch r.Status {
	case reports.WithinBudget:
		return "✓"
	case reports.BudgetExceeded:
		return "✗"
	}
	return "?"
}

func (p *page) asked(r *reports.Report) {
	p.line("")
	for i := range r.Question.Captures {
		p.field("capture", captured(&r.Question.Captures[i]))
	}
	p.field("baseline", set(&r.Question.Baseline))
	p.field("candidate", set(&r.Question.Candidate))
	p.field("judged", judged(&r.Totals))
	if r.Totals.OutOfScope > 0 {
		p.field("not judged", fmt.Sprintf("%s that no webhook of Kyverno would see", count(r.Totals.OutOfScope, "request")))
		for _, reason := range slices.Sorted(maps.Keys(r.Totals.ScopeReasons)) {
			p.field("", number(r.Totals.ScopeReasons[reason])+" "+reason)
		}
	}
}

func (p *page) budget(limits []reports.Limit) {
	if len(limits) == 0 {
		return
	}
	p.heading("Budget")
	for _, l := range limits {
		glyph := "✓"
		if l.Exceeded {
			glyph = "✗"
		}
		p.write("  ")
		p.glyph(glyph)
		p.wrapped(p.plain, fmt.Sprintf("%s: found %s, allowed %s", l.Name, l.Found, l.Allowed), "    ")
	}
}

func (p *page) policies(r *reports.Report) {
	counts := make([]reports.Counts, len(r.Policies))
	for i := range r.Policies {
		counts[i] = r.Policies[i].Workloads
	}
	classes := present(counts...)
	t := newTable(flex("policy", 20), luxury("kind"), left("change")).classes(classes)
	quiet := 0
	for i := range r.Policies {
		row := &r.Policies[i]
		if len(row.Requests) == 0 && row.Change == "unchanged" {
			quiet++
			continue
		}
		t.row(append([]string{ruleName(row.Ref, ""), row.Ref.Kind, row.Change}, cells(row.Workloads, classes)...)...)
	}
	if len(r.Policies) == 0 {
		return
	}
	p.heading("By policy (workloads)")
	p.table(t, p.limit(textRows), func(n int) string { return policies(n) + " more" })
	if quiet > 0 {
		p.line("  " + p.dim(policies(quiet)+" unchanged and without news"))
	}
}

func (p *page) namespaces(groups []reports.Group) {
	if len(groups) == 0 {
		return
	}
	classes := present(workloadsOf(groups)...)
	t := newTable(flex("cluster", 12), flex("namespace", 16), right("of")).classes(classes)
	for i := range groups {
		g := &groups[i]
		t.row(append([]string{g.Cluster, place(g.Namespace), number(g.WorkloadsTotal)}, cells(g.Workloads, classes)...)...)
	}
	p.heading("By cluster and namespace (workloads)")
	p.table(t, p.limit(textRows), func(n int) string { return restOf(groups[len(groups)-n:], "namespace") })
}

func (p *page) teams(groups []reports.Group) {
	if len(groups) == 0 {
		return
	}
	classes := present(workloadsOf(groups)...)
	t := newTable(flex("team", 16), right("changed")).classes(classes)
	for i := range groups {
		g := &groups[i]
		t.row(append([]string{teamName(g.Team), number(g.WorkloadsTotal)}, cells(g.Workloads, classes)...)...)
	}
	p.heading("By team (workloads)")
	p.table(t, p.limit(textRows), func(n int) string { return restOf(groups[len(groups)-n:], "team") })
}

func teamName(name string) string {
	if name == "" {
		return "(no team)"
	}
	return name
}

func workloadsOf(groups []reports.Group) []reports.Counts {
	counts := make([]reports.Counts, len(groups))
	for i := range groups {
		counts[i] = groups[i].Workloads
	}
	return counts
}

func cells(c reports.Counts, classes []reports.Class) []string {
	out := make([]string, len(classes))
	for i, class := range classes {
		out[i] = "·"
		if c[class] > 0 {
			out[i] = number(c[class])
		}
	}
	return out
}

// restOf says what the end of a list holds: "37 more namespaces: 412 newly denied, 3 undecided".
func restOf(groups []reports.Group, noun string) string {
	total := reports.Counts{}
	for i := range groups {
		for class, n := range groups[i].Workloads {
			total[class] += n
		}
	}
	return count(len(groups), "more "+noun) + " with workloads: " + countsLine(total)
}

// countsLine is "412 newly denied, 3 undecided".
func countsLine(c reports.Counts) string {
	var parts []string
	for _, class := range present(c) {
		parts = append(parts, number(c[class])+" "+long(class))
	}
	return strings.Join(parts, ", ")
}
