package render

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// How much of a rehearsal the text shows without Detail.
const (
	textStages = 30
	textMisses = 10
	textEach   = 6 // clusters with a column of their own
)

// rehearsal is what happened on real clusters: the answer and the stages first, then what
// refused, the traffic, the fleet at the end, the ways back, and whether the prediction held.
func (p *page) rehearsal(t *timeline.Timeline) {
	if t == nil {
		return
	}
	r := reports.RundownOf(t)
	p.heading("Rehearsal: " + rehearsalTitle(t))
	p.write("  ")
	p.wrapped(p.dim, rehearsalFacts(t), "  ")
	if t.Error != "" {
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, t.Error, "    ")
	}
	p.line("")
	p.stages(t, r)
	p.expected(t.Expected)
	p.unmet(r.Unmet)
	p.failures(r.Failures)
	p.denied(r.Denied)
	p.traffic(t, r)
	p.refused(t.Clusters)
	p.matrix(&r.Matrix)
	p.hub(t.Hub, t.Faults)
	p.ways(r.Ways)
	p.fidelity(t, r)
}

// rehearsalTitle is "audit-to-enforce on 3 embedded clusters: rolled back".
func rehearsalTitle(t *timeline.Timeline) string {
	kind := strings.TrimSpace(t.Provider + " cluster")
	return fmt.Sprintf("%s on %s: %s", t.Scenario, count(len(t.Clusters), kind), t.Outcome)
}

func rehearsalFacts(t *timeline.Timeline) string {
	return fmt.Sprintf("took %s from %s, seed %d", took(t.Took), t.Started.UTC().Format("2006-01-02 15:04:05 UTC"), t.Seed)
}

func (p *page) unmet(unmet []reports.Unmet) {
	if len(unmet) == 0 {
		return
	}
	p.heading("Gate checks that did not pass")
	shown := min(len(unmet), p.limit(textRows))
	for _, u := range unmet[:shown] {
		p.write("  ")
		p.glyph(outcomeGlyph(u.Check.Outcome))
		p.wrapped(p.plain, fmt.Sprintf("%s: %s: found %s, allowed %s → %s", u.Stage, u.Check.What, u.Check.Found, u.Check.Allowed, u.Check.Outcome), "    ")
		p.quote(u.Check.Note)
	}
	if rest := len(unmet) - shown; rest > 0 {
		p.rest(count(rest, "more check"))
	}
}

func (p *page) failures(failures []reports.Failure) {
	if len(failures) == 0 {
		return
	}
	p.heading("Steps that failed")
	shown := min(len(failures), p.limit(textRows))
	for _, f := range failures[:shown] {
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, lead(f.Stage, f.Cluster, f.What), "    ")
		p.quote(f.Error)
	}
	if rest := len(failures) - shown; rest > 0 {
		p.rest(count(rest, "more step"))
	}
}

// lead is "stage: cluster: what" of the parts that are there.
func lead(parts ...string) string {
	var there []string
	for _, part := range parts {
		if clean(part) != "" {
			there = append(there, part)
		}
	}
	return strings.Join(there, ": ")
}

func (p *page) denied(denied []reports.DeniedBy) {
	if len(denied) == 0 {
		return
	}
	p.heading("Denied on the clusters")
	shown := min(len(denied), p.limit(textWorkloads))
	for _, d := range denied[:shown] {
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, fmt.Sprintf("%s: %s on %s, first %s", d.Policy, count(d.Count, "request"), count(d.Clusters, "cluster"), d.Sample), "    ")
		p.quote(d.Message)
	}
	if rest := len(denied) - shown; rest > 0 {
		p.rest(policies(rest) + " more")
	}
}

func (p *page) fidelity(t *timeline.Timeline, r *reports.Rundown) {
	misses := t.Fidelity.Misses
	p.heading("Fidelity")
	p.write("  ")
	p.glyph(fidelityGlyph(&t.Fidelity))
	p.wrapped(p.plain, r.Fidelity, "    ")
	shown := min(len(misses), p.limit(textMisses))
	for _, m := range misses[:shown] {
		p.write("    ")
		p.wrapped(p.plain, fmt.Sprintf("%s (cluster %s, stage %s): predicted %s, live %s", m.Request, m.Cluster, m.Stage, m.Predicted, m.Live), "      ")
		p.quote(m.Why)
	}
	if rest := len(misses) - shown; rest > 0 {
		p.rest(number(rest) + " more; the html and json reports have them all")
	}
}

func fidelityGlyph(f *timeline.Fidelity) string {
	switch {
	case len(f.Misses) > 0 || f.Agreed < f.Compared:
		return "✗"
	case f.Compared == 0:
		return "?"
	}
	return "✓"
}
