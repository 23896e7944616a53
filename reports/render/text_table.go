package render

import (
	"slices"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// A column is as wide as its widest cell. Where the page is too narrow, luxury goes first;
// then flexible columns give way, cut in the middle; then columns are left out from the
// right, and told.
type column struct {
	head   string
	right  bool
	fewest int  // what a flexible column keeps; 0: not flexible
	luxury bool // goes first where not all fit
}

func left(head string) column             { return column{head: head} }
func right(head string) column            { return column{head: head, right: true} }
func flex(head string, fewest int) column { return column{head: head, fewest: fewest} }
func luxury(head string) column           { return column{head: head, luxury: true} }

const gap = 2

type table struct {
	columns []column
	rows    [][]string
}

func newTable(columns ...column) *table { return &table{columns: columns} }

// classes adds one column a class.
func (t *table) classes(classes []reports.Class) *table {
	for _, class := range classes {
		t.columns = append(t.columns, right(short(class)))
	}
	return t
}

func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// table writes the first rows of t; rest says what the others are.
func (p *page) table(t *table, most int, rest func(n int) string) {
	if len(t.rows) == 0 {
		return
	}
	rows := t.rows[:min(len(t.rows), most)]
	widths, left := t.fit(rows, p.width-2)
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = c.head
	}
	p.line(p.dim(t.lay(heads, widths)))
	for _, row := range rows {
		p.line(t.lay(row, widths))
	}
	if n := len(t.rows) - len(rows); n > 0 {
		p.rest(rest(n))
	}
	if len(left) > 0 {
		p.write("  ")
		p.wrapped(p.dim, "left out for width: "+strings.Join(left, ", "), "  ")
	}
}

// fit gives the columns' widths, 0 for a column that is left out; left are the heads of
// those that hold numbers.
func (t *table) fit(rows [][]string, most int) (widths []int, left []string) {
	for i, c := range t.columns {
		wide := columns(c.head)
		for _, row := range rows {
			wide = max(wide, columns(row[i]))
		}
		widths = append(widths, wide)
	}
	for i, c := range t.columns {
		if c.luxury && total(widths) > most {
			widths[i] = 0
		}
	}
	for i := len(widths) - 1; i > 0 && total(widths)-t.slack(widths) > most; i-- {
		if widths[i] > 0 {
			left = append(left, t.columns[i].head)
			widths[i] = 0
		}
	}
	t.squeeze(widths, most)
	widths[0] = min(widths[0], most)
	slices.Reverse(left)
	return widths, left
}

// slack is how much the flexible columns can give.
func (t *table) slack(widths []int) int {
	slack := 0
	for i, wide := range widths {
		if fewest := t.columns[i].fewest; fewest > 0 {
			slack += max(0, wide-fewest)
		}
	}
	return slack
}

// squeeze takes from the widest flexible column until all fit or none can give.
func (t *table) squeeze(widths []int, most int) {
	for over := total(widths) - most; over > 0; over-- {
		widest := -1
		for i, wide := range widths {
			if fewest := t.columns[i].fewest; fewest > 0 && wide > fewest && (widest < 0 || wide > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func total(widths []int) int {
	sum := -gap
	for _, wide := range widths {
		if wide > 0 {
			sum += wide + gap
		}
	}
	return sum
}

func (t *table) lay(cells []string, widths []int) string {
	var b strings.Builder
	for i, wide := range widths {
		if wide == 0 {
			continue
		}
		b.WriteString(strings.Repeat(" ", gap))
		cell := middle(cells[i], wide)
		pad := strings.Repeat(" ", max(0, wide-columns(cell)))
		if t.columns[i].right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
