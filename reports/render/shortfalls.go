package render

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

const shortfallsHeading = "Does not ship as asked"

// shortfalls says what of a hub change does not ship, why, and the way out.
func (p *page) shortfalls(list []reports.Shortfall, all int) {
	if len(list) == 0 {
		return
	}
	p.heading(shortfallsHeading)
	shown := min(len(list), p.limit(textRows))
	for i := range list[:shown] {
		x := &list[i]
		p.write("  ")
		p.glyph(shortfallGlyph(x))
		p.wrapped(p.plain, shortfallWords(x, all, p.limit(planNames)), "    ")
		if x.Fix != "" {
			p.write("    → ")
			p.wrapped(p.plain, x.Fix, "      ")
		}
	}
	if n := len(list) - shown; n > 0 {
		p.rest(count(n, "more reason"))
	}
}

// shortfallGlyph tells what is refused from what only stays behind.
func shortfallGlyph(x *reports.Shortfall) string {
	if x.Refused {
		return "✗"
	}
	return "!"
}

// shortfallWords is "hub/run.yaml:3 run run-1: UpdateRunInitializedFailed: …, on 3 clusters: a, b, c".
func shortfallWords(x *reports.Shortfall, all, most int) string {
	text := x.Text
	if where := strings.TrimSpace(position(x.File, x.Line) + " " + x.Object); where != "" {
		text = where + ": " + text
	}
	if len(x.Clusters) > 0 {
		text += ", " + onClusters(x.Clusters, all, most)
	}
	return text
}

func mdShortfalls(list []reports.Shortfall, all int) *section {
	s := &section{head: "\n### " + shortfallsHeading + "\n\n", limit: 6000}
	s.list(len(list), markdownRows, func(i int) string {
		piece := "- " + mdSentence(shortfallWords(&list[i], all, planNames))
		if list[i].Fix != "" {
			piece += "<br>→ " + mdSentence(list[i].Fix)
		}
		return piece + "\n"
	}, func(i int) string { return mdRest(count(len(list)-i, "more reason")) })
	return s
}

// shortfallSuite has a case for each part of a hub change that does not ship: a failure
// where the budget does not allow it.
func shortfallSuite(r *reports.Report) *junitSuite {
	suite := newSuite("hub change")
	for i := range r.Shortfalls {
		x := &r.Shortfalls[i]
		c := junitCase{Name: clean(cut(shortfallName(x), junitMessage)), Class: "hub change"}
		if r.Beyond(x) {
			c.Failure = said("does-not-ship", shortfallWords(x, len(r.Clusters), planNames), x.Fix)
		} else {
			c.Out = cleanLines(cut(shortfallWords(x, len(r.Clusters), planNames)+"\n"+x.Fix, junitMessage))
		}
		suite.add(c)
	}
	return suite
}

func shortfallName(x *reports.Shortfall) string { return firstOf(x.Object, x.Text) }

// shortfall is a result on the file and line of the hub object.
func (s *sarifBuilder) shortfall(r *reports.Report, x *reports.Shortfall) {
	const id = "seatrial/hub-change"
	i, ok := s.rules[id]
	if !ok {
		i = s.addRule(sarifRule{ID: id, Name: "hub change", Short: sarifText{"The hub change does not ship as asked"}})
	}
	level := "warning"
	if r.Beyond(x) {
		level = "error"
	}
	text := fmt.Sprintf("does not ship as asked: %s", cut(shortfallWords(x, len(r.Clusters), planNames), sarifMessage))
	if x.Fix != "" {
		text += "; " + cut(x.Fix, sarifMessage)
	}
	s.run.Results = append(s.run.Results, sarifResult{
		RuleID: id, RuleIndex: i, Level: level, Message: sarifText{clean(text)},
		Locations:           []sarifLocation{{Physical: physical(inRepository(&s.question.Candidate, x.File), x.Line)}},
		PartialFingerprints: map[string]string{"seatrial/v1": digest(id, x.File, x.Object, x.Text)},
	})
}
