package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// traffic is a row for each cluster; with Detail one for each stage and cluster too.
func (p *page) traffic(t *timeline.Timeline, r *reports.Rundown) {
	if len(r.Traffic) == 0 {
		return
	}
	p.heading("Traffic by cluster")
	all := newTable(trafficColumns(flex("cluster", 12))...)
	for _, s := range r.Traffic {
		all.row(trafficRow(s.Sent, s.Admitted, s.Denied, s.Errors, s.Rate, s.Latency, s.Without, s.Cluster)...)
	}
	p.table(all, p.limit(textRows), func(n int) string { return count(n, "more cluster") })
	p.write("  ")
	p.wrapped(p.dim, "rate in requests a second; p50, p95 and p99 in milliseconds, of the stage that answered slowest; in brackets the same requests before the rollout", "  ")
	if !p.detail {
		return
	}
	p.heading("Traffic by stage and cluster")
	each := newTable(trafficColumns(flex("stage", 12), flex("cluster", 12))...)
	for i := range t.Stages {
		for _, one := range t.Stages[i].Traffic {
			each.row(trafficRow(one.Sent, one.Admitted, one.Denied, one.Errors, one.Rate, one.Latency, one.Without, t.Stages[i].Name, one.Cluster)...)
		}
	}
	p.table(each, p.limit(textRows), func(n int) string { return count(n, "more row") })
}

func trafficColumns(names ...column) []column {
	return append(names, right("sent"), right("admitted"), right("denied"), right("errors"), right("rate"), right("p50"), right("p95"), right("p99"))
}

func trafficRow(sent, admitted, denied, errors int, rate float64, with, without timeline.Latency, names ...string) []string {
	return append(names, number(sent), number(admitted), cell(denied), cell(errors), strconv.FormatFloat(rate, 'f', 1, 64),
		against(with.P50, without.P50), against(with.P95, without.P95), against(with.P99, without.P99))
}

// against is "4.1 (3.2)": with, and without.
func against(with, without timeline.Span) string {
	switch {
	case with == 0:
		return "·"
	case without == 0:
		return millis(with)
	}
	return millis(with) + " (" + millis(without) + ")"
}

func (p *page) refused(clusters []timeline.Cluster) {
	var lines []string
	for i := range clusters {
		for _, r := range clusters[i].Refused {
			lines = append(lines, fmt.Sprintf("%s did not take %s of its captured world: %s, first %s", clusters[i].Name, count(r.Count, "object"), r.Reason, r.Sample))
		}
		for _, r := range clusters[i].LeftAlone {
			lines = append(lines, fmt.Sprintf("%s has %s that lacked pods before, which actions left alone: %s, first %s", clusters[i].Name, count(r.Count, "Deployment"), r.Reason, strings.TrimPrefix(r.Sample, "Deployment ")))
		}
	}
	shown := min(len(lines), p.limit(textWorkloads))
	for _, line := range lines[:shown] {
		p.write("  ")
		p.glyph("!")
		p.wrapped(p.plain, line, "    ")
	}
	if rest := len(lines) - shown; rest > 0 {
		p.rest(count(rest, "more reason"))
	}
}

// matrix is the fleet at the end: a column for each cluster where that fits, otherwise a
// line for each state of a policy with the clusters that have it.
func (p *page) matrix(m *reports.Matrix) {
	if len(m.Rows) == 0 {
		return
	}
	p.heading("The fleet at the end (A audit, E enforce, on: without a mode; version; ✓ ready)")
	wide := newTable(flex("policy", 16))
	for _, name := range m.Clusters {
		wide.columns = append(wide.columns, left(middle(clean(name), 16)))
	}
	for _, row := range m.Rows {
		cells := []string{row.Policy}
		for _, c := range row.Cells {
			cells = append(cells, fleetCell(c))
		}
		wide.row(cells...)
	}
	if widths, _ := wide.fit(wide.rows, 1<<20); total(widths)-wide.slack(widths) <= p.width-2 {
		p.table(wide, p.limit(2*textRows), func(n int) string { return policies(n) + " more" })
		return
	}
	p.matrixByState(m)
}

func (p *page) matrixByState(m *reports.Matrix) {
	t := newTable(flex("policy", 14), left("state"), right("clusters"), flex("", 8))
	for _, row := range m.Rows {
		name := row.Policy
		for i, g := range row.Groups {
			t.row(name, fleetCell(g.Cell), number(len(g.Clusters)), groupNames(&g, len(m.Clusters), i == 0))
			name = ""
		}
	}
	p.table(t, p.limit(3*textRows), func(n int) string { return count(n, "more line") })
}

// groupNames names the clusters of a state that not all have; those in the state that most
// have only if they are few.
func groupNames(g *reports.CellGroup, of int, biggest bool) string {
	const most = 6
	switch n := len(g.Clusters); {
	case n == of:
		return "all"
	case biggest && n > most:
		return "the others"
	}
	names := strings.Join(g.Clusters[:min(len(g.Clusters), most)], ", ")
	if rest := len(g.Clusters) - most; rest > 0 {
		names += ", … " + number(rest) + " more"
	}
	return names
}

// fleetCell is "E 3f2a91c ✓".
func fleetCell(c *timeline.Cell) string {
	if c == nil {
		return "·"
	}
	ready := "✗"
	if c.Ready {
		ready = "✓"
	}
	return strings.TrimSpace(modeLetter(c.Mode)+" "+cut(c.Version, 12)) + " " + ready
}

func modeLetter(mode string) string {
	switch mode {
	case "Audit":
		return "A"
	case "Enforce":
		return "E"
	case "":
		return "on"
	}
	return mode
}
