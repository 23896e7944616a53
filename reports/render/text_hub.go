package render

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// expected is what had to be true at the end, and what was found.
func (p *page) expected(list []timeline.Expected) {
	if len(list) == 0 {
		return
	}
	p.heading("Expected")
	shown := min(len(list), p.limit(textRows))
	for _, e := range list[:shown] {
		p.write("  ")
		p.glyph(holdsGlyph(e.Holds))
		p.wrapped(p.plain, e.What+": found "+e.Found, "    ")
	}
	if rest := len(list) - shown; rest > 0 {
		p.rest(count(rest, "more expectation"))
	}
}

func holdsGlyph(holds bool) string {
	if holds {
		return "✓"
	}
	return "✗"
}

// hub is how the policies came: who carried them, what arrived otherwise than planned, and
// how the staged runs stand.
func (p *page) hub(h *timeline.Hub, faults []timeline.Fault) {
	if h == nil {
		return
	}
	p.heading("The hub")
	p.write("  ")
	p.glyph(holdsGlyph(h.Agreed == h.Compared))
	p.wrapped(p.plain, hubFacts(h), "    ")
	shown := min(len(h.Differences), p.limit(textMisses))
	for _, d := range h.Differences[:shown] {
		p.write("    ")
		p.wrapped(p.plain, fmt.Sprintf("%s (cluster %s, %s): planned %s, found %s", d.Object, d.Cluster, d.Stage, d.Planned, d.Live), "      ")
	}
	if rest := len(h.Differences) - shown; rest > 0 {
		p.rest(number(rest) + " more; the html and json reports have them all")
	}
	for _, r := range h.Runs {
		p.write("  ")
		p.wrapped(p.plain, lead("run "+r.Name+" of "+r.Placement, r.State, r.Message), "    ")
	}
	for _, f := range faults {
		p.write("  ")
		p.wrapped(p.plain, faultWords(f), "    ")
	}
	for _, w := range h.Warnings[:min(len(h.Warnings), p.limit(textRows))] {
		p.write("  ")
		p.glyph("!")
		p.wrapped(p.plain, w, "    ")
	}
}

// hubFacts is "KubeFleet v0.3.1, hub/ after git:main:hub, driver builtin: 12 of 12 objects
// on members are as planned".
func hubFacts(h *timeline.Hub) string {
	from := ""
	if h.From != "" {
		from = " after " + h.From
	}
	return fmt.Sprintf("%s, %s%s, driver %s: %s of %s on members are as planned", h.Distributor, h.Objects, from, h.Driver, number(h.Agreed), reports.Count(h.Compared, "object"))
}

// faultWords is "fault after 1m2s, before prod: kyverno stopped on west, for 3s".
func faultWords(f timeline.Fault) string {
	text := fmt.Sprintf("fault after %s, %s: %s", took(f.At), f.Stage, f.What)
	if len(f.Clusters) > 0 {
		text += " on " + strings.Join(f.Clusters, ", ")
	}
	if f.Took >= 0 {
		text += ", for " + took(f.Took)
	}
	return lead(text, f.Error)
}
