package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// planMarkdown is a plan for a pull-request comment: the same parts as the text, each
// with its share of what a comment may hold.
func planMarkdown(w io.Writer, r *reports.Plan, _ Options) error {
	var out strings.Builder
	for _, s := range []*section{
		mdPlanHead(r), mdPlanProblems(r.Problems), mdPlanWarnings(r.Warnings, len(r.Clusters)), mdPlanStages(r), mdPlanMatrix(r),
		mdPlanPlacements(r), mdNotes(r.Notes), mdPlanAsked(r),
	} {
		s.writeTo(&out)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func mdPlanHead(r *reports.Plan) *section {
	s := &section{limit: 6000}
	s.add("## " + map[bool]string{true: "✅", false: "❌"}[r.Status == reports.Planned] + " " + mdText(cut(r.Headline, 800)) + "\n")
	return s
}

func mdPlanProblems(problems []reports.PlanProblem) *section {
	s := &section{head: "\n### Refused\n\n", limit: 6000}
	s.list(len(problems), markdownRows, func(i int) string {
		x := &problems[i]
		piece := fmt.Sprintf("- %s %s: %s", mdCode(position(x.File, x.Line)), mdName(x.Object), mdSentence(x.Reason))
		if x.Fix != "" {
			piece += "<br>→ " + mdSentence(x.Fix)
		}
		return piece + "\n"
	}, func(i int) string { return mdRest(count(len(problems)-i, "more object")) })
	return s
}

func mdPlanWarnings(warnings []reports.PlanWarning, all int) *section {
	s := &section{head: "\n### Warnings\n\n", limit: 11_000}
	s.list(len(warnings), markdownRows, func(i int) string {
		x := &warnings[i]
		piece := fmt.Sprintf("- **%s**", mdName(x.Code))
		if x.File != "" {
			piece += " " + mdCode(position(x.File, x.Line))
		}
		if x.Object != "" {
			piece += " " + mdName(x.Object)
		}
		piece += ": " + mdSentence(x.Text)
		if len(x.Members) > 0 {
			piece += " (" + mdSentence(onClusters(x.Members, all, planNames)) + ")"
		}
		if x.Fix != "" {
			piece += "<br>→ " + mdSentence(x.Fix)
		}
		return piece + "\n"
	}, func(i int) string { return mdRest(count(len(warnings)-i, "more warning")) })
	return s
}

// mdPlanStages is a table with a row for each stage, and what changes below it, folded.
func mdPlanStages(r *reports.Plan) *section {
	all := len(r.Clusters)
	s := &section{head: "\n### Stages\n\n" + mdHead(nil, "stage", "when", "clusters", "changes"), limit: 22_000}
	s.list(len(r.Stages), planStages, func(i int) string {
		st := &r.Stages[i]
		when := mdText(stageWhen(st.At, st.Needs))
		for _, need := range st.Needs {
			when += "<br>needs " + mdName(need)
		}
		clusters := "none"
		if len(st.Clusters) > 0 {
			clusters = mdSentence(onClusters(st.Clusters, all, planNames))
		}
		var changes []string
		for j := range st.Changes {
			if j == planChanges {
				changes = append(changes, "… and "+count(len(st.Changes)-j, "more change"))
				break
			}
			changes = append(changes, mdPlanChange(&st.Changes[j], st, all))
		}
		for note := range strings.Lines(st.Note) {
			changes = append(changes, "*"+mdSentence(note)+"*")
		}
		return mdRow(fmt.Sprintf("%d. %s", st.Number, mdName(st.Name)), when, clusters, strings.Join(changes, "<br>"))
	}, func(i int) string { return mdRest(count(len(r.Stages)-i, "more stage")) })
	return s
}

func mdPlanChange(c *reports.PlanChange, s *reports.PlanStage, all int) string {
	text := changeMark(c.Change) + " " + mdCode(objectName(c.Object))
	if c.Policy {
		text += " " + mdName(changeWords(c))
	} else {
		text += " " + mdName(c.Object.Kind)
	}
	if len(c.Clusters) != len(s.Clusters) {
		text += " " + mdSentence(onClusters(c.Clusters, all, planNames))
	}
	for _, reason := range because(c.After) {
		text += "; " + mdSentence(reason)
	}
	return text
}

func mdPlanMatrix(r *reports.Plan) *section {
	groups := min(len(r.Groups), planGroups)
	names := []string{"policy"}
	for i := range r.Groups[:groups] {
		names = append(names, mdName(groupName(r, i)))
	}
	s := &section{head: "\n### Policies by cluster\n\n" + mdHead(nil, names...), limit: 9000}
	for i, g := range r.Groups[:groups] {
		if len(g.Clusters) > 1 {
			s.foot += "\n" + mdName(groupName(r, i)) + ": " + mdSentence(someOf(g.Clusters, 4*planNames)) + "\n"
		}
	}
	if n := len(r.Groups) - groups; n > 0 {
		s.foot += mdRest(count(n, "more group") + " of clusters")
	}
	s.list(len(r.Policies), planRows, func(i int) string {
		row := []string{mdCode(objectName(r.Policies[i].Object))}
		for _, g := range r.Groups[:groups] {
			row = append(row, mdName(cellWords(g.Cells[i])))
		}
		return mdRow(row...)
	}, func(i int) string { return mdRest(count(len(r.Policies)-i, "more object")) })
	return s
}

func mdPlanPlacements(r *reports.Plan) *section {
	s := &section{head: "\n<details><summary>Placements: what they select, and why clusters are picked</summary>\n\n", foot: "\n</details>\n", limit: 10_000}
	s.list(len(r.Placements), markdownRows, func(i int) string {
		pl := &r.Placements[i]
		lines := []string{
			fmt.Sprintf("- **%s** (%s): %s", mdName(placementName(pl)), mdSentence(placementWords(pl)), mdSentence(selectedWords(pl, planSelected))),
			"  - " + conditionGlyph(pl.Scheduled) + " " + mdSentence(conditionWords(pl.Scheduled)),
		}
		for j, d := range pl.Decisions {
			if j == planDecisions {
				lines = append(lines, "  - … and "+count(len(pl.Decisions)-j, "more reason"))
				break
			}
			lines = append(lines, "  - "+mdSentence(decisionWords(d, len(r.Clusters), planNames)))
		}
		for _, run := range pl.Runs {
			lines = append(lines, "  - "+conditionGlyph(run.Condition)+" "+mdSentence(runWords(run)))
		}
		for _, o := range pl.Overrides {
			lines = append(lines, "  - "+mdSentence(overrideWords(o, len(r.Clusters), planNames)))
		}
		return strings.Join(lines, "\n") + "\n"
	}, func(i int) string { return mdRest(count(len(r.Placements)-i, "more placement")) })
	return s
}

func mdPlanAsked(r *reports.Plan) *section {
	s := &section{head: "\n<details><summary>What was asked</summary>\n\n", foot: "\n</details>\n", limit: 5000}
	lines := []string{"hub " + mdSentence(hubWords(&r.Question.Hub))}
	if r.Question.From != nil {
		lines = append(lines, "before "+mdSentence(hubWords(r.Question.From)))
	}
	lines = append(lines, "fleet: "+count(len(r.Clusters), "cluster")+" of "+mdSentence(r.Question.Fleet))
	for _, e := range r.Question.Events {
		lines = append(lines, "event "+mdSentence(e))
	}
	lines = append(lines, fmt.Sprintf("%s %s, by %s, as of %s", mdName(r.Tool.Name), mdName(r.Tool.Version), mdName(r.Question.Distributor), r.Question.At.UTC().Format("2006-01-02 15:04:05 UTC")))
	s.list(len(lines), len(lines), func(i int) string { return "- " + lines[i] + "\n" },
		func(i int) string { return mdRest(count(len(lines)-i, "more line")) })
	return s
}
