package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/drift"
)

// driftMarkdown writes the answer for a pull request or an issue: what is found, the
// exceptions, what could not be told. The matrix is left to the other formats.
func driftMarkdown(w io.Writer, d *reports.Drift) error {
	sections := []*section{driftHead(d), driftMdBudget(d), driftMdFindings(d), driftMdExceptions(d),
		driftMdUnknown("Not evaluated", d.NotEvaluated), driftMdUnknown("Not told", d.Unverified), mdNotes(d.Notes), driftMdAsked(d)}
	var out strings.Builder
	for _, s := range sections {
		s.writeTo(&out)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func driftHead(d *reports.Drift) *section {
	s := &section{limit: 6000}
	glyph := map[reports.Status]string{reports.WithinBudget: "✅", reports.BudgetExceeded: "❌", reports.Unanswered: "❓"}[d.Status]
	s.add("## " + glyph + " " + mdText(cut(d.Headline, 800)) + "\n")
	return s
}

func driftMdBudget(d *reports.Drift) *section {
	s := &section{head: "\n| finding | found | allowed | |\n|---|--:|--:|---|\n", limit: 4000}
	for _, l := range d.Budget {
		if l.Found+l.Allowed+l.Exempt == 0 {
			continue
		}
		verdict := "within"
		if l.Exceeded {
			verdict = "**exceeded**"
		}
		s.add(fmt.Sprintf("| %s | %d | %d | %s |\n", mdName(reports.DriftWords(l.Kind)), l.Found, l.Allowed, verdict))
	}
	return s
}

func driftMdFindings(d *reports.Drift) *section {
	s := &section{head: "\n### Findings\n\n", limit: 36_000}
	s.list(len(d.Findings), 200, func(i int) string {
		f := &d.Findings[i]
		text := fmt.Sprintf("- **%s** %s in %s: %s\n", mdName(reports.DriftWords(f.Kind)), mdCode(driftRef(&f.Object)), mdName(driftIn(f.Clusters, driftClusters)), mdSentence(f.Text))
		for j := range f.Differences[:min(len(f.Differences), driftDifferences)] {
			x := &f.Differences[j]
			text += fmt.Sprintf("  - %s: %s → %s\n", mdCode(x.Path), mdCode(cut(driftValue(x.Intended), 160)), mdCode(cut(driftValue(x.Installed), 160)))
		}
		return text
	}, func(i int) string { return mdRest(count(len(d.Findings)-i, "more finding")) })
	return s
}

func driftMdExceptions(d *reports.Drift) *section {
	s := &section{head: "\n### Exceptions\n\n| exception | from | clusters | asked | until | use |\n|---|---|---|---|---|---|\n", limit: 10_000}
	s.list(len(d.Exceptions), 60, func(i int) string {
		e := &d.Exceptions[i]
		origin := map[drift.Origin]string{drift.FromHub: "hub", drift.FromMember: "cluster", drift.Abandoned: "left behind"}[e.Origin]
		return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", mdCode(driftRef(&e.Object)), origin, mdName(driftIn(driftUsers(e), driftClusters)),
			mdSentence(driftSaid(e)), mdName(driftUntil(e)), mdSentence(driftUses(e.Total)))
	}, func(i int) string { return mdRest(count(len(d.Exceptions)-i, "more exception")) })
	return s
}

func driftMdUnknown(title string, list []reports.DriftUnknown) *section {
	s := &section{head: "\n### " + title + "\n\n", limit: 4000}
	s.list(len(list), 30, func(i int) string {
		u := &list[i]
		return "- " + mdSentence(driftWhat(u, driftClusters)) + ": " + mdSentence(u.Reason) + "\n"
	}, func(i int) string { return mdRest(number(len(list)-i) + " more") })
	return s
}

func driftMdAsked(d *reports.Drift) *section {
	s := &section{limit: 2000}
	s.add(fmt.Sprintf("\n<sub>hub %s; capture %s; clock %s; seatrial %s, Kyverno %s</sub>\n", mdName(driftHub(d)), mdName(captured(&d.Question.Capture)),
		d.Question.At.Format("2006-01-02 15:04 UTC"), mdName(d.Tool.Version), mdName(d.Tool.Kyverno)))
	return s
}
