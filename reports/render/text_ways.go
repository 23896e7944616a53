package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// ways ranks the ways back by the time from the decision to the first admitted request.
func (p *page) ways(ways []reports.Way) {
	if len(ways) == 0 {
		return
	}
	p.heading("Ways back, by the time to the first admitted request")
	clusters := wayClusters(ways)
	t := wayTable(ways, clusters)
	fits := true
	if widths, _ := t.fit(t.rows, 1<<20); total(widths)-t.slack(widths) > p.width-2 {
		t, fits = wayTable(ways, nil), false
	}
	p.table(t, p.limit(textRows), func(n int) string { return count(n, "more way") })
	for i := range ways[:min(len(ways), p.limit(textRows))] {
		if fits {
			p.wayNotes(&ways[i], nil)
		} else {
			p.wayNotes(&ways[i], clusters)
		}
	}
	if slices.ContainsFunc(ways, undidStage) && len(clusters) > 0 {
		p.write("  ")
		p.wrapped(p.dim, starWords, "    ")
	}
}

const starWords = "* undid a stage that a gate refused; the others were rehearsed after the stages"

func undidStage(w reports.Way) bool {
	return slices.ContainsFunc(w.Each, func(one timeline.Rollback) bool { return one.Stage != "" })
}

// wayTable has a column for each of the clusters.
func wayTable(ways []reports.Way, clusters []string) *table {
	t := newTable(right(""), flex("way", 18), right("p50"), right("max"), right("worked"), right("denied"))
	for _, name := range clusters {
		t.columns = append(t.columns, left(middle(clean(name), 16)))
	}
	for i := range ways {
		w := &ways[i]
		row := []string{strconv.Itoa(i + 1), w.Words, wayTook(w, w.P50), wayTook(w, w.Max), fmt.Sprintf("%d/%d", w.Worked, len(w.Each)), cell(w.Requests)}
		for _, name := range clusters {
			row = append(row, wayOn(w, name))
		}
		t.row(row...)
	}
	return t
}

// wayNotes are what a way took on each of the clusters for which there was no column, what
// it costs, and where it did not work.
func (p *page) wayNotes(w *reports.Way, clusters []string) {
	var parts []string
	for _, name := range clusters {
		if on := wayOn(w, name); on != "" {
			parts = append(parts, name+" "+on)
		}
	}
	if parts = append(parts, w.Notes...); len(parts) > 0 {
		p.write("  ")
		p.wrapped(p.dim, w.Words+": "+strings.Join(parts, "; "), "    ")
	}
	shown := 0
	for _, one := range w.Each {
		if one.Error == "" {
			continue
		}
		if shown++; shown > p.limit(textFindings) {
			p.rest(count(len(w.Each)-w.Worked-textFindings, "more cluster") + " where it did not work")
			return
		}
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, w.Words+" on "+one.Cluster+": "+one.Error, "    ")
	}
}

// wayClusters names the clusters that get a column: all of them, if they are few.
func wayClusters(ways []reports.Way) []string {
	var names []string
	seen := map[string]bool{}
	for i := range ways {
		for _, one := range ways[i].Each {
			if !seen[one.Cluster] {
				seen[one.Cluster] = true
				names = append(names, one.Cluster)
			}
		}
	}
	if len(names) > textEach {
		return nil
	}
	return names
}

// wayOn are the times of a way on one cluster; the ones that undid a stage in a real
// rollback have a star.
func wayOn(w *reports.Way, cluster string) string {
	var parts []string
	for _, one := range w.Each {
		switch {
		case one.Cluster != cluster:
		case one.Error != "":
			parts = append(parts, "✗")
		case one.Stage != "":
			parts = append(parts, took(one.Took)+"*")
		default:
			parts = append(parts, took(one.Took))
		}
	}
	return strings.Join(parts, ", ")
}

func wayTook(w *reports.Way, span timeline.Span) string {
	if w.Worked == 0 {
		return "·"
	}
	return took(span)
}

// took writes a length of time for people: "850 µs", "230 ms", "1.3 s", "42 s",
// "4 min 12 s", "1 h 03 min".
func took(d time.Duration) string {
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	switch {
	case d < 0:
		return "never"
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return strconv.FormatInt(max(d.Microseconds(), 1), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%s h %02d min", number(int(d.Hours())), int(d.Minutes())%60)
}

// millis is a latency in milliseconds: "0.84", "4.1", "318".
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 1:
		return strconv.FormatFloat(ms, 'f', 2, 64)
	case ms < 100:
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return number(int(ms + .5))
}
