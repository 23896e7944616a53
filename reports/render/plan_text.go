package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/placement"
)

// How much of each list the text of a plan shows without Detail.
const (
	planNames     = 6  // of clusters in a line
	planChanges   = 12 // of a stage
	planStages    = 30
	planRows      = 30 // of the matrix
	planGroups    = 6  // columns of the matrix
	planDecisions = 8
	planSelected  = 6 // names of selected objects
	planWarnings  = 12
)

// planText is a plan for a terminal: the answer, what was asked, what goes wrong, the
// stages, what is where in the end, and why.
func planText(w io.Writer, r *reports.Plan, opt Options) error {
	p := newPage(opt)
	p.glyph(map[bool]string{true: "✓", false: "✗"}[r.Status == reports.Planned])
	p.wrapped(p.bold, r.Headline, "  ")
	p.planAsked(r)
	p.planProblems(r.Problems)
	p.planStages(r)
	p.planMatrix(r)
	for i := range r.Placements {
		p.planPlacement(&r.Placements[i], len(r.Clusters))
	}
	p.planWarnings(r.Warnings, len(r.Clusters))
	p.planNotes(r.Notes)
	_, err := io.WriteString(w, p.out.String())
	return err
}

func (p *page) planAsked(r *reports.Plan) {
	p.line("")
	p.field("hub", hubWords(&r.Question.Hub))
	if r.Question.From != nil {
		p.field("before", hubWords(r.Question.From))
	}
	p.field("fleet", count(len(r.Clusters), "cluster")+" of "+r.Question.Fleet)
	p.field("by", r.Question.Distributor)
	for _, e := range r.Question.Events {
		p.field("event", e)
	}
}

func (p *page) planProblems(problems []reports.PlanProblem) {
	if len(problems) == 0 {
		return
	}
	p.heading("Refused")
	shown := min(len(problems), p.limit(planWarnings))
	for _, x := range problems[:shown] {
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, strings.TrimSpace(position(x.File, x.Line)+" "+x.Object)+": "+x.Reason, "    ")
		if x.Fix != "" {
			p.write("    → ")
			p.wrapped(p.plain, x.Fix, "      ")
		}
	}
	if n := len(problems) - shown; n > 0 {
		p.rest(count(n, "more object"))
	}
}

func (p *page) planStages(r *reports.Plan) {
	if len(r.Stages) == 0 {
		return
	}
	p.heading("Stages")
	shown := min(len(r.Stages), p.limit(planStages))
	for i := range r.Stages[:shown] {
		p.planStage(&r.Stages[i], len(r.Clusters))
	}
	if n := len(r.Stages) - shown; n > 0 {
		p.rest(count(n, "more stage"))
	}
}

func (p *page) planStage(s *reports.PlanStage, all int) {
	p.write("  ")
	text := fmt.Sprintf("%d. %s, %s", s.Number, s.Name, stageWhen(s.At, s.Needs))
	if len(s.Clusters) > 0 {
		text += ", " + onClusters(s.Clusters, all, p.limit(planNames))
	}
	p.wrapped(p.bold, text, "     ")
	if s.Placement != "" && !strings.Contains(s.Name, s.Placement) {
		p.planDetail("of placement " + s.Placement)
	}
	for _, need := range s.Needs {
		p.planDetail("needs " + need)
	}
	shown := min(len(s.Changes), p.limit(planChanges))
	for i := range s.Changes[:shown] {
		p.planChange(&s.Changes[i], s, all)
	}
	if n := len(s.Changes) - shown; n > 0 {
		p.planDetail("… and " + count(n, "more change"))
	}
	if len(s.Changes) == 0 {
		p.planDetail("no object changes")
	}
	for note := range strings.Lines(s.Note) {
		p.planDetail(note)
	}
}

func (p *page) planDetail(text string) {
	p.write("     ")
	p.wrapped(p.dim, text, "     ")
}

func (p *page) planChange(c *reports.PlanChange, s *reports.PlanStage, all int) {
	p.write("     " + changeMark(c.Change) + " ")
	text := objectWords(c.Object)
	if c.Policy {
		text += ": " + changeWords(c)
	}
	text += " (" + versionWords(c) + ")"
	if len(c.Clusters) != len(s.Clusters) {
		text += " " + onClusters(c.Clusters, all, p.limit(planNames))
	}
	for _, reason := range because(c.After) {
		text += "; " + reason
	}
	p.wrapped(p.plain, text, "       ")
}

// planMatrix is policies by groups of clusters that see the same.
func (p *page) planMatrix(r *reports.Plan) {
	if len(r.Policies) == 0 {
		return
	}
	p.heading("Policies by cluster: what is there in the end, and what it was")
	groups := min(len(r.Groups), p.limit(planGroups))
	columns := []column{flex("policy", 20), luxury("kind")}
	for i := range r.Groups[:groups] {
		columns = append(columns, left(groupName(r, i)))
	}
	t := newTable(columns...)
	for i := range r.Policies {
		row := []string{objectName(r.Policies[i].Object), r.Policies[i].Object.Kind}
		for _, g := range r.Groups[:groups] {
			row = append(row, cellWords(g.Cells[i]))
		}
		t.row(row...)
	}
	p.table(t, p.limit(planRows), func(n int) string { return count(n, "more object") })
	if n := len(r.Groups) - groups; n > 0 {
		p.rest(count(n, "more group") + " of clusters")
	}
	for i, g := range r.Groups[:groups] {
		if len(g.Clusters) > 1 {
			p.write("  ")
			p.wrapped(p.dim, fmt.Sprintf("%s: %s", groupName(r, i), someOf(g.Clusters, p.limit(4*planNames))), "    ")
		}
	}
}

// groupName is the cluster's name, or a letter and how many there are.
func groupName(r *reports.Plan, i int) string {
	g := &r.Groups[i]
	if len(g.Clusters) == 1 {
		return g.Clusters[0]
	}
	if len(r.Groups) == 1 {
		return "all " + number(len(g.Clusters))
	}
	return fmt.Sprintf("%s (%s)", letters(i), number(len(g.Clusters)))
}

// letters counts A, B, …, Z, AA, AB.
func letters(i int) string {
	text := string(rune('A' + i%26))
	if i >= 26 {
		return letters(i/26-1) + text
	}
	return text
}

func (p *page) planPlacement(pl *reports.PlanPlacement, all int) {
	p.heading(fmt.Sprintf("Placement %s (%s)", placementName(pl), placementWords(pl)))
	p.write("  ")
	p.wrapped(p.plain, selectedWords(pl, p.limit(planSelected)), "    ")
	p.write("  ")
	p.glyph(conditionGlyph(pl.Scheduled))
	p.wrapped(p.plain, conditionWords(pl.Scheduled), "    ")
	shown := min(len(pl.Decisions), p.limit(planDecisions))
	for _, d := range pl.Decisions[:shown] {
		p.write("    ")
		p.wrapped(p.plain, decisionWords(d, all, p.limit(planNames)), "      ")
	}
	if n := len(pl.Decisions) - shown; n > 0 {
		p.line("    " + p.dim("… and "+count(n, "more reason")))
	}
	for _, run := range pl.Runs {
		p.write("  ")
		p.glyph(conditionGlyph(run.Condition))
		p.wrapped(p.plain, runWords(run), "    ")
	}
	for _, o := range pl.Overrides {
		p.write("  ")
		p.wrapped(p.plain, overrideWords(o, all, p.limit(planNames)), "    ")
	}
}

// selectedWords says which objects a placement takes along.
func selectedWords(pl *reports.PlanPlacement, most int) string {
	if len(pl.Selected) == 0 {
		return "selects nothing"
	}
	var names []string
	for _, ref := range pl.Selected {
		names = append(names, objectWords(ref))
	}
	return "selects " + count(len(names), "object") + ": " + someOf(names, most)
}

func decisionWords(d reports.PlanDecision, all, most int) string {
	verb := "not picked"
	if d.Selected {
		verb = "picked"
	}
	if d.Sticky {
		verb = "kept"
	}
	return verb + " " + onClusters(d.Clusters, all, most) + ": " + d.Reason
}

func runWords(r placement.RunOutcome) string {
	text := "run " + r.Name
	if r.Index >= 0 {
		text += fmt.Sprintf(" of index %d", r.Index)
	}
	text += ": " + conditionWords(r.Condition)
	if len(r.Assumed) > 0 {
		text += "; takes " + plural("approval", r.Assumed) + " as given"
	}
	if r.Waiting != "" {
		text += "; waits for " + r.Waiting
	}
	return text
}

func overrideWords(o placement.OverrideUse, all, most int) string {
	text := "override " + o.Name + " matches nowhere"
	if len(o.Clusters) > 0 {
		text = "override " + o.Name + " " + onClusters(o.Clusters, all, most)
	}
	if len(o.Deleted) > 0 {
		text += "; leaves objects out " + onClusters(o.Deleted, all, most)
	}
	if len(o.Failed) > 0 {
		text += "; fails " + onClusters(o.Failed, all, most) + ": " + o.Reason
	}
	return text
}

func (p *page) planWarnings(warnings []reports.PlanWarning, all int) {
	if len(warnings) == 0 {
		return
	}
	p.heading("Warnings")
	shown := min(len(warnings), p.limit(planWarnings))
	for i := range warnings[:shown] {
		x := &warnings[i]
		p.write("  ")
		p.glyph("!")
		p.wrapped(p.plain, warningWords(x)+": "+x.Text, "    ")
		if len(x.Members) > 0 {
			p.write("    ")
			p.wrapped(p.dim, onClusters(x.Members, all, p.limit(planNames)), "    ")
		}
		if x.Fix != "" {
			p.write("    → ")
			p.wrapped(p.plain, x.Fix, "      ")
		}
	}
	if n := len(warnings) - shown; n > 0 {
		p.rest(count(n, "more warning"))
	}
}

// warningWords is what a warning is about: "override-without-effect, hub/o.yaml:3 ClusterResourceOverride/x".
func warningWords(x *reports.PlanWarning) string {
	text := x.Code
	if x.File != "" {
		text += ", " + position(x.File, x.Line)
	}
	if x.Object != "" {
		text += " " + x.Object
	}
	return text
}

func (p *page) planNotes(notes []string) {
	if len(notes) == 0 {
		return
	}
	p.heading("Notes")
	for _, n := range notes {
		p.write("  ")
		p.wrapped(p.plain, n, "  ")
	}
}
