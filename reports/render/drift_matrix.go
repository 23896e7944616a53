package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/drift"
)

const (
	driftRows     = 40 // of the matrix without Detail
	driftNameMost = 44 // columns of an object's name; fewer where the page is narrow
	driftHeadMost = 4  // of a cluster's short name that is taken before numbers
	driftNameLess = 26 // and no fewer than this, to have all clusters beside each other
)

// driftMark writes a state's sign, with its colour.
func (p *page) driftMark(s drift.State) {
	code := map[drift.State]string{
		drift.InSync: "32", drift.Missing: "31", drift.Weakened: "31", drift.LeftBehind: "33", drift.Extra: "33", drift.ExceptionUnknown: "33",
		drift.ExceptionExpired: "33", drift.OtherVersion: "36", drift.Strengthened: "36", "": "2",
	}[s]
	sign := driftMarks[s]
	if s == "" {
		sign = "·"
	}
	if code == "" {
		code = "35"
	}
	p.write(p.style(code, sign))
}

// driftMatrix shows each object in each cluster by a sign. Where the clusters do not fit beside
// each other, their columns are cut into blocks.
func (p *page) driftMatrix(d *reports.Drift) {
	if len(d.Objects) == 0 {
		return
	}
	rows := d.Objects[:min(len(d.Objects), p.limit(driftRows))]
	name := 0
	for i := range rows {
		name = max(name, columns(clean(driftRef(&rows[i].Object))))
	}
	name = min(name, driftNameMost, p.width/2)
	heads, key := p.driftHeads(d.Clusters, p.width-2-min(name, driftNameLess)-gap)
	wide := driftWidest(heads)
	name = max(min(name, driftNameLess), min(name, p.width-2-gap-(wide+1)*len(heads)))
	fit := max(1, (p.width-2-name-gap)/(wide+1))
	p.heading("Intended against installed")
	for from := 0; from < len(heads); from += fit {
		to := min(len(heads), from+fit)
		p.driftBlock(rows, heads, from, to, name, wide)
	}
	p.write("  ")
	p.wrapped(p.dim, driftLegend(d), "  ")
	if key != "" {
		p.write("  ")
		p.wrapped(p.dim, key, "  ")
	}
	if n := len(d.Objects) - len(rows); n > 0 {
		p.rest(count(n, "more object") + ", none worse")
	}
}

func (p *page) driftBlock(rows []reports.DriftObject, heads []string, from, to, name, wide int) {
	p.write("  " + strings.Repeat(" ", name+gap-1))
	for _, h := range heads[from:to] {
		p.write(p.dim(strings.Repeat(" ", wide+1-columns(h)) + h))
	}
	p.line("")
	for i := range rows {
		label := middle(clean(driftRef(&rows[i].Object)), name)
		p.write("  " + label + strings.Repeat(" ", name-columns(label)+gap-1))
		for _, c := range rows[i].Cells[from:to] {
			p.write(strings.Repeat(" ", wide))
			p.driftMark(c.State)
		}
		p.line("")
	}
}

// driftHeads are the columns' heads: the clusters' names, else what tells them apart, else numbers
// with a key.
func (p *page) driftHeads(clusters []reports.DriftCluster, most int) (heads []string, key string) {
	names := make([]string, len(clusters))
	for i := range clusters {
		names[i] = clean(clusters[i].Name)
	}
	fits := func(heads []string) bool { return (driftWidest(heads)+1)*len(heads) <= most }
	if fits(names) {
		return names, ""
	}
	prefix := driftPrefix(names)
	short := make([]string, len(names))
	for i, n := range names {
		short[i] = n[len(prefix):]
	}
	if prefix != "" && (fits(short) || driftWidest(short) <= driftHeadMost) {
		return short, "the clusters' names begin with " + prefix
	}
	var keys []string
	for i := range names {
		short[i] = strconv.Itoa(i + 1)
		keys = append(keys, fmt.Sprintf("%d %s", i+1, names[i]))
	}
	return short, "clusters: " + strings.Join(keys, ", ")
}

func driftWidest(names []string) int {
	wide := 0
	for _, n := range names {
		wide = max(wide, columns(n))
	}
	return wide
}

// driftPrefix ends at a dash or a dot, so that what is left is a word.
func driftPrefix(names []string) string {
	if len(names) < 2 {
		return ""
	}
	prefix := names[0]
	for _, n := range names {
		for !strings.HasPrefix(n, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix[:1+strings.LastIndexAny(prefix, "-._")]
}

// driftLegend explains the signs that the matrix has.
func driftLegend(d *reports.Drift) string {
	has := map[drift.State]bool{}
	for i := range d.Objects {
		for _, c := range d.Objects[i].Cells {
			has[c.State] = true
		}
	}
	var parts []string
	for _, s := range reports.DriftStates() {
		if has[s] {
			parts = append(parts, driftMarks[s]+" "+reports.DriftWords(s))
		}
	}
	if has[""] {
		parts = append(parts, "· not intended here")
	}
	return strings.Join(parts, ", ")
}
