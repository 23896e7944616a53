package render

import (
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

const (
	narrowestBar = 12 // columns; below, the picture is left out
	roomyBar     = 28 // below, what a stage changes is left out first
	widestBar    = 72
)

// stageFill is what a bar is made of, so that it tells the outcome without colour.
var stageFill = map[timeline.Outcome]string{
	timeline.Passed: "█", timeline.Held: "▓", timeline.RolledBack: "▒", timeline.Failed: "░",
}

// stages is the picture over time: a line for each stage.
func (p *page) stages(t *timeline.Timeline, r *reports.Rundown) {
	picture := newTable(flex("stage", 12), left("changes"), left("outcome"), right("denied"), left("gate"), right("took"))
	for i := range t.Stages {
		s := &t.Stages[i]
		picture.row(outcomeGlyph(s.Outcome)+" "+s.Name, stageChange(s), string(s.Outcome), cell(r.Stages[i].Denied), gateCell(s, &r.Stages[i]), stageTook(s))
	}
	small := picture.without(1) // what a stage changes goes first, then how long it took
	if p.bar(picture, t, r.Span, roomyBar, false) || p.bar(small, t, r.Span, narrowestBar, true) || p.bar(small.without(4), t, r.Span, narrowestBar, true) {
		p.write("  ")
		p.wrapped(p.dim, "█ passed  ▓ held  ▒ rolled back  ░ failed; until the first stage the clusters came up", "  ")
		return
	}
	p.table(small, p.limit(textStages), moreStages)
}

func moreStages(n int) string { return count(n, "more stage") }

// bar writes the table with a column of bars as wide as the page lets it, if that is at
// least fewest; for which names may be cut.
func (p *page) bar(t *table, of *timeline.Timeline, span timeline.Span, fewest int, cut bool) bool {
	widths, _ := t.fit(t.rows, 1<<20)
	room := min(p.width-2-total(widths)-gap, widestBar)
	if room < fewest && cut {
		room = min(room+t.slack(widths), fewest)
	}
	if room < fewest || span <= 0 {
		return false
	}
	drawn := &table{columns: append(append([]column{t.columns[0]}, left(axis(span, room))), t.columns[1:]...)}
	for i, row := range t.rows {
		s := &of.Stages[i]
		drawn.rows = append(drawn.rows, append([]string{row[0], stageBar(s, span, room)}, row[1:]...))
	}
	p.table(drawn, p.limit(textStages), moreStages)
	return true
}

// without is the table without a column.
func (t *table) without(at int) *table {
	out := &table{columns: append(append([]column{}, t.columns[:at]...), t.columns[at+1:]...)}
	for _, row := range t.rows {
		out.rows = append(out.rows, append(append([]string{}, row[:at]...), row[at+1:]...))
	}
	return out
}

// stageBar is one bar between dots, as wide as the axis.
func stageBar(s *timeline.Stage, span timeline.Span, wide int) string {
	fill := stageFill[s.Outcome]
	if fill == "" {
		return strings.Repeat("·", wide)
	}
	from := min(spot(s.Start, span, wide), wide-1)
	to := max(spot(reports.End(s.Start, s.Took), span, wide), from+1)
	return strings.Repeat("·", from) + strings.Repeat(fill, to-from) + strings.Repeat("·", wide-to)
}

// spot is the column of a time.
func spot(at, span timeline.Span, wide int) int {
	share := float64(max(at, 0)) / float64(span)
	return min(int(share*float64(wide)+.5), wide)
}

// ticks are the distances that an axis may have.
var ticks = []time.Duration{
	10 * time.Millisecond, 100 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// axis is the head of the bars: "0       30s      1m       1m30s".
func axis(span timeline.Span, wide int) string {
	for _, tick := range ticks {
		if float64(span)/float64(tick) > float64(wide)/9 {
			continue
		}
		line := "0"
		for at := tick; at < span; at += tick {
			mark := tickWords(at)
			from := spot(at, span, wide)
			if from+len(mark) > wide {
				break
			}
			line += strings.Repeat(" ", max(0, from-len(line))) + mark
		}
		return line
	}
	return "0"
}

func tickWords(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// stageChange is "Enforce on 3".
func stageChange(s *timeline.Stage) string {
	return s.Mode + " on " + number(len(s.Clusters))
}

func stageTook(s *timeline.Stage) string {
	if s.Outcome == timeline.Skipped {
		return "·"
	}
	return took(s.Took)
}

// gateCell is how many checks passed, of a stage that was reached.
func gateCell(s *timeline.Stage, sum *reports.StageSum) string {
	switch {
	case sum.Checks > 0:
		return number(sum.Passed) + "/" + number(sum.Checks)
	case s.Outcome == timeline.Skipped:
		return "·"
	}
	return "none"
}

func cell(n int) string {
	if n == 0 {
		return "·"
	}
	return number(n)
}

func outcomeGlyph(o timeline.Outcome) string {
	switch o {
	case timeline.Passed:
		return "✓"
	case timeline.Skipped:
		return "·"
	case timeline.Held:
		return "!"
	}
	return "✗"
}
