package render

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// mdRehearsal is the short form: the outcome, the stages, what refused, the ways back, and
// whether the prediction held, with the misses folded.
func mdRehearsal(t *timeline.Timeline) []*section {
	if t == nil {
		return nil
	}
	r := reports.RundownOf(t)
	return []*section{mdOutcome(t), mdStages(t, r), mdExpected(t.Expected), mdHub(t), mdUnmet(r.Unmet), mdFailures(r.Failures), mdWays(r.Ways), mdFidelity(t, r), mdMisses(t.Fidelity.Misses)}
}

func mdOutcome(t *timeline.Timeline) *section {
	s := &section{limit: 3000}
	s.add("\n### Rehearsal: " + mdSentence(rehearsalTitle(t)) + "\n\nTook " + took(t.Took) + ".\n")
	if t.Error != "" {
		s.add("\n" + mdSentence(t.Error) + "\n")
	}
	return s
}

func mdStages(t *timeline.Timeline, r *reports.Rundown) *section {
	s := &section{head: "\n| stage | changes | outcome | denied | gate | took |\n|---|---|---|--:|---|--:|\n", limit: 5000}
	s.list(len(t.Stages), markdownRows, func(i int) string {
		one := &t.Stages[i]
		outcome := mdName(string(one.Outcome))
		if one.Outcome != timeline.Passed && one.Outcome != timeline.Skipped {
			outcome = "**" + outcome + "**"
		}
		return mdRow(mdCode(one.Name), mdName(stageChange(one)), outcome, cell(r.Stages[i].Denied), gateCell(one, &r.Stages[i]), stageTook(one))
	}, func(i int) string { return mdRest(moreStages(len(t.Stages) - i)) })
	return s
}

func mdExpected(list []timeline.Expected) *section {
	s := &section{head: "\nExpected:\n\n", limit: 3000}
	s.list(len(list), markdownRows, func(i int) string {
		e := &list[i]
		return fmt.Sprintf("- %s %s: found %s\n", holdsGlyph(e.Holds), mdText(e.What), mdSentence(e.Found))
	}, func(i int) string { return mdRest(count(len(list)-i, "more expectation")) })
	return s
}

// mdHub is how the policies came, with what arrived otherwise than planned.
func mdHub(t *timeline.Timeline) *section {
	s := &section{limit: 4000}
	if t.Hub == nil {
		return s
	}
	h := t.Hub
	s.add("\n" + holdsGlyph(h.Agreed == h.Compared) + " " + mdSentence(hubFacts(h)) + ".\n")
	s.list(len(h.Differences), textMisses, func(i int) string {
		d := &h.Differences[i]
		return fmt.Sprintf("- %s on %s, %s: planned %s, found %s\n", mdCode(d.Object), mdCode(d.Cluster), mdText(d.Stage), mdSentence(d.Planned), mdSentence(d.Live))
	}, func(i int) string { return mdRest(count(len(h.Differences)-i, "more object")) })
	return s
}

func mdUnmet(unmet []reports.Unmet) *section {
	s := &section{head: "\n", limit: 4000}
	s.list(len(unmet), markdownRows, func(i int) string {
		c := &unmet[i].Check
		piece := fmt.Sprintf("- %s: %s: found %s, allowed %s → %s", mdCode(unmet[i].Stage), mdName(c.What), mdName(c.Found), mdName(c.Allowed), mdName(string(c.Outcome)))
		if c.Note != "" {
			piece += "<br>" + mdSentence(c.Note)
		}
		return piece + "\n"
	}, func(i int) string { return mdRest(count(len(unmet)-i, "more check")) })
	return s
}

func mdFailures(failures []reports.Failure) *section {
	s := &section{head: "\nSteps that failed:\n\n", limit: 3000}
	s.list(len(failures), textWorkloads, func(i int) string {
		f := &failures[i]
		return fmt.Sprintf("- %s: %s\n", mdText(cut(lead(f.Stage, f.Cluster, f.What), 2*markdownName)), mdSentence(f.Error))
	}, func(i int) string { return mdRest(count(len(failures)-i, "more step")) })
	return s
}

func mdWays(ways []reports.Way) *section {
	s := &section{head: "\n| way back | p50 | max | worked | denied meanwhile | cost |\n|---|--:|--:|--:|--:|---|\n", limit: 4000}
	s.list(len(ways), markdownRows, func(i int) string {
		w := &ways[i]
		return mdRow(mdName(w.Words), wayTook(w, w.P50), wayTook(w, w.Max), fmt.Sprintf("%d/%d", w.Worked, len(w.Each)), cell(w.Requests), mdText(cut(firstOf(strings.Join(w.Notes, "; "), "·"), 200)))
	}, func(i int) string { return mdRest(count(len(ways)-i, "more way")) })
	return s
}

func mdFidelity(t *timeline.Timeline, r *reports.Rundown) *section {
	s := &section{limit: 4000}
	s.add("\n" + fidelityGlyph(&t.Fidelity) + " " + mdSentence(r.Fidelity) + ".\n")
	return s
}

func mdMisses(misses []timeline.Miss) *section {
	s := &section{
		head:  "\n<details><summary>" + count(len(misses), "live answer") + " unlike the prediction</summary>\n\n",
		limit: 6000, foot: "\n</details>\n",
	}
	s.list(len(misses), textMisses, func(i int) string {
		m := &misses[i]
		var b strings.Builder
		fmt.Fprintf(&b, "- %s on %s at %s: predicted %s, live %s\n", mdCode(m.Request), mdCode(m.Cluster), mdCode(m.Stage), mdName(m.Predicted), mdName(m.Live))
		mdQuote(&b, m.Why)
		return b.String()
	}, func(i int) string {
		return mdRest(number(len(misses)-i) + " more; the html and json reports have them all")
	})
	return s
}
