package render

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/verdict"
)

func (p *page) workloads(workloads []reports.Workload) {
	if len(workloads) == 0 {
		return
	}
	shown := min(len(workloads), p.limit(textWorkloads))
	title := "Workloads, worst first"
	if shown < len(workloads) {
		title = fmt.Sprintf("Worst workloads (%d of %s)", shown, number(len(workloads)))
	}
	p.heading(title)
	for i := range workloads[:shown] {
		p.workload(&workloads[i])
	}
}

func (p *page) workload(w *reports.Workload) {
	about := "cluster " + w.Cluster
	if w.Team != "" {
		about += ", team " + w.Team
	}
	if len(w.Bites) > 0 {
		about += ", bites " + whens(w.Bites)
	}
	p.write("  ")
	p.wrapped(p.bold, owner(w), "    ")
	p.write("    ")
	p.wrapped(p.dim, about, "    ")
	shown := min(len(w.Findings), p.limit(textFindings))
	for i := range w.Findings[:shown] {
		p.finding(w, &w.Findings[i])
	}
	if rest := len(w.Findings) - shown; rest > 0 {
		p.line("    " + p.dim("… and "+count(rest, "more finding")))
	}
}

// finding tells a change, and of whose request where that is not the workload itself: of a pod of it.
func (p *page) finding(w *reports.Workload, f *reports.Finding) {
	text := long(f.Class)
	if f.Bite != "" {
		text += " " + when(f.Bite)
	}
	if f.Policy != (verdict.PolicyRef{}) {
		text += " by " + ruleName(f.Policy, f.Rule)
	}
	p.write("    ")
	p.glyph(classGlyph(f.Class))
	requests := count(f.Requests, "request")
	if kind, _, _ := strings.Cut(f.Subject, "/"); kind != w.Kind && kind != "" {
		requests += ", first of " + f.Subject
		if f.Requests == 1 {
			requests = "1 request of " + f.Subject
		}
	}
	p.wrapped(p.plain, fmt.Sprintf("%s: %s → %s, %s", text, f.Before, f.After, requests), "      ")
	p.quote(f.Message)
	if f.Reason != "" && f.Reason != f.Message {
		p.quote(f.Reason)
	}
	for _, object := range f.Objects {
		p.quote(object)
	}
	for _, patch := range patches(f) {
		p.quote(patch)
	}
}

// quote is somebody else's words below a finding: their lines, wrapped, at most textLines.
func (p *page) quote(text string) {
	lines := 0
	for line := range strings.Lines(cleanLines(text)) {
		if line = clean(line); line == "" {
			continue
		}
		for _, part := range wrap(line, p.width-8) {
			if lines++; lines > p.limit(textLines) {
				p.line("        …")
				return
			}
			p.line("        " + p.dim(part))
		}
	}
}

func (p *page) unknowns(unknowns []reports.Unknown) {
	if len(unknowns) == 0 {
		return
	}
	p.heading("Undecided: what was not known, and what to capture")
	shown := min(len(unknowns), p.limit(textRows))
	for i := range unknowns[:shown] {
		u := &unknowns[i]
		p.write("  ")
		p.glyph("?")
		p.wrapped(p.plain, fmt.Sprintf("%s (%s, %s)", u.Reason, count(u.Requests, "request"), u.Side), "    ")
		if u.Resolve != "" {
			p.write("    ")
			p.wrapped(p.dim, "→ "+u.Resolve, "      ")
		}
	}
	if rest := len(unknowns) - shown; rest > 0 {
		p.rest(count(rest, "more reason"))
	}
}

func (p *page) rejected(rejected []reports.Rejected) {
	if len(rejected) == 0 {
		return
	}
	p.heading("Rejected: policies that Kyverno would not accept")
	for i := range rejected {
		x := &rejected[i]
		name := ""
		if x.Policy != "" {
			name = x.Policy + ", "
		}
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, fmt.Sprintf("%s (%s%s)", position(x.File, x.Line), name, x.Side), "    ")
		p.quote(x.Reason)
	}
}

func (p *page) skipped(skipped []reports.Skipped) {
	if len(skipped) == 0 {
		return
	}
	p.heading("Skipped: input that could not be read")
	shown := min(len(skipped), p.limit(textRows))
	for i := range skipped[:shown] {
		s := &skipped[i]
		p.write("  ")
		p.wrapped(p.plain, fmt.Sprintf("%s (%s): %s", position(s.File, s.Line), s.Where, cut(s.Reason, 400)), "    ")
	}
	if rest := len(skipped) - shown; rest > 0 {
		p.rest(count(rest, "more"))
	}
}

func (p *page) notes(r *reports.Report) {
	if len(r.Notes) == 0 {
		return
	}
	p.heading("Notes")
	for _, note := range r.Notes {
		p.write("  ")
		p.wrapped(p.plain, note, "  ")
	}
}

// more tells where the rest of the answer is.
func (p *page) more(r *reports.Report) {
	p.line("")
	if len(r.Workloads) > 0 {
		p.wrapped(p.dim, "more: -o html=report.html shows every workload with its object and the policy's source; -o json=result.json keeps the result for seatrial report", "")
	}
	p.wrapped(p.dim, fmt.Sprintf("%s %s with Kyverno %s, as of %s", r.Tool.Name, r.Tool.Version, r.Tool.Kyverno, asOf(r)), "")
}

func classGlyph(c reports.Class) string {
	switch c {
	case reports.NewlyDenied, reports.Error:
		return "✗"
	case reports.Undecided:
		return "?"
	case reports.NewlyAllowed, reports.Resolved:
		return "✓"
	}
	return "!"
}
