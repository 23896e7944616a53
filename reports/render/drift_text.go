package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/drift"
)

const (
	driftFindings    = 40 // of the text without Detail
	driftDifferences = 6  // of a finding
	driftClusters    = 6  // named of a finding
)

// driftText is the answer for a terminal: the sentence, the matrix, what is found, the
// exceptions, what could not be told.
func driftText(w io.Writer, d *reports.Drift, opt Options) error {
	p := newPage(opt)
	p.glyph(map[reports.Status]string{reports.WithinBudget: "✓", reports.BudgetExceeded: "✗", reports.Unanswered: "?"}[d.Status])
	p.wrapped(p.bold, d.Headline, "  ")
	p.line("")
	p.field("hub", driftHub(d))
	p.field("fleet", d.Question.Fleet+": "+count(d.Totals.Clusters, "cluster"))
	p.field("capture", captured(&d.Question.Capture))
	p.field("clock", d.Question.At.Format("2006-01-02 15:04:05 UTC"))
	p.driftMatrix(d)
	p.driftFindings(d)
	p.driftExceptions(d)
	p.driftUnknown("Not evaluated", d.NotEvaluated)
	p.driftUnknown("Not told", d.Unverified)
	p.driftBudget(d)
	p.driftNotes("Notes", d.Notes)
	_, err := io.WriteString(w, p.out.String())
	return err
}

func driftHub(d *reports.Drift) string {
	text := d.Question.Hub.Source
	if d.Question.Hub.Revision != "" {
		text += " (" + d.Question.Hub.Revision + ")"
	}
	return text + ", " + d.Question.Distributor
}

func (p *page) driftFindings(d *reports.Drift) {
	if len(d.Findings) == 0 {
		return
	}
	p.heading("Findings")
	shown := min(len(d.Findings), p.limit(driftFindings))
	for i := range shown {
		f := &d.Findings[i]
		p.write("  ")
		p.driftMark(f.Kind)
		p.write(" ")
		p.wrapped(p.bold, fmt.Sprintf("%s: %s in %s", reports.DriftWords(f.Kind), driftRef(&f.Object), driftIn(f.Clusters, p.limit(driftClusters))), "    ")
		p.write("    ")
		p.wrapped(p.plain, f.Text, "    ")
		p.driftChanged(f.Differences)
		if f.Fix != "" {
			p.write("    ")
			p.wrapped(p.dim, "→ "+f.Fix, "      ")
		}
	}
	if n := len(d.Findings) - shown; n > 0 {
		p.rest(count(n, "more finding") + "; -o json has them all")
	}
}

func (p *page) driftChanged(all []drift.Difference) {
	shown := min(len(all), p.limit(driftDifferences))
	for i := range shown {
		d := &all[i]
		p.write("      ")
		p.wrapped(p.plain, d.Path+": "+driftValue(d.Intended)+" → "+driftValue(d.Installed), "        ")
	}
	if n := len(all) - shown; n > 0 {
		p.rest(count(n, "more difference"))
	}
}

// driftValue is a JSON value in a line; none is said.
func driftValue(v json.RawMessage) string {
	if v == nil {
		return "(none)"
	}
	return cut(compact(v), 400)
}

func (p *page) driftExceptions(d *reports.Drift) {
	if len(d.Exceptions) == 0 {
		return
	}
	p.heading("Exceptions")
	shown := min(len(d.Exceptions), p.limit(textRows))
	for i := range shown {
		e := &d.Exceptions[i]
		origin := map[drift.Origin]string{drift.FromHub: "from the hub", drift.FromMember: "the cluster's own", drift.Abandoned: "left behind"}[e.Origin]
		p.write("  ")
		p.wrapped(p.bold, fmt.Sprintf("%s, %s: %s", driftRef(&e.Object), origin, driftIn(driftUsers(e), p.limit(driftClusters))), "    ")
		p.write("    ")
		p.wrapped(p.plain, "from "+strings.Join(e.Policies, ", "), "    ")
		if text := driftSaid(e); text != "" {
			p.write("    ")
			p.wrapped(p.plain, text, "    ")
		}
		p.write("    ")
		p.wrapped(p.plain, driftUses(e.Total)+"; "+driftUntil(e), "    ")
	}
	if n := len(d.Exceptions) - shown; n > 0 {
		p.rest(count(n, "more exception"))
	}
}

func driftUsers(e *reports.DriftException) []string {
	names := make([]string, len(e.Clusters))
	for i := range e.Clusters {
		names[i] = e.Clusters[i].Cluster
	}
	return names
}

func (p *page) driftUnknown(title string, list []reports.DriftUnknown) {
	if len(list) == 0 {
		return
	}
	p.heading(title)
	shown := min(len(list), p.limit(textRows))
	for i := range shown {
		u := &list[i]
		p.write("  ")
		p.glyph("?")
		p.wrapped(p.plain, driftWhat(u, p.limit(driftClusters))+": "+u.Reason, "    ")
	}
	if n := len(list) - shown; n > 0 {
		p.rest(number(n) + " more")
	}
}

func (p *page) driftBudget(d *reports.Drift) {
	p.heading("Budget")
	quiet := 0
	for _, l := range d.Budget {
		if l.Found+l.Allowed+l.Exempt == 0 {
			quiet++
			continue
		}
		text := fmt.Sprintf("%s: %d found, %d allowed", reports.DriftWords(l.Kind), l.Found, l.Allowed)
		if l.Exempt > 0 {
			text += fmt.Sprintf(", %d exempt", l.Exempt)
		}
		p.write("  ")
		p.glyph(map[bool]string{true: "✗", false: "✓"}[l.Exceeded])
		p.wrapped(p.plain, text, "    ")
	}
	if quiet > 0 {
		p.write("  ")
		p.glyph("✓")
		p.line(fmt.Sprintf("none of the %d other kinds", quiet))
	}
}

func (p *page) driftNotes(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.heading(title)
	for _, line := range lines {
		p.write("  ")
		p.wrapped(p.plain, line, "    ")
	}
}
