package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// ComparisonNames lists the formats of [Comparisons].
func ComparisonNames() []string { return []string{"text", "json", "markdown", "misses"} }

// Comparisons writes comparisons of live and offline answers, one for each candidate: as
// text, as JSON, as a markdown table with a row for each, or their misses alone as NDJSON,
// one a line.
func Comparisons(w io.Writer, name string, all []*timeline.Comparison, opt Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	switch name {
	case "text":
		for i, c := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := comparisonText(w, c, opt); err != nil {
				return err
			}
		}
		return nil
	case "json":
		encoder.SetIndent("", "  ")
		return encoder.Encode(all)
	case "markdown":
		return comparisonMarkdown(w, all)
	case "misses":
		for _, c := range all {
			for i := range c.Misses {
				if err := encoder.Encode(&c.Misses[i]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return fmt.Errorf("unknown format %q; known formats: %s", name, strings.Join(ComparisonNames(), ", "))
}

const comparisonMisses = 20

func comparisonText(w io.Writer, c *timeline.Comparison, opt Options) error {
	p := newPage(opt)
	agreed, compared := c.Agreement()
	under := ""
	if c.Policies != "" {
		under = " under " + c.Policies
	}
	head := fmt.Sprintf("Live and offline answers agree in %s of %s on %s%s.", number(agreed), count(compared, "comparison"), count(len(c.Clusters), "cluster"), under)
	if compared == 0 {
		head = fmt.Sprintf("Nothing was compared on %s%s.", count(len(c.Clusters), "cluster"), under)
	}
	if c.Interrupted {
		head += " It was interrupted: this is what was compared until then."
	}
	p.wrapped(p.bold, head, "  ")
	for _, l := range c.Lost {
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, fmt.Sprintf("cluster %s was lost: %s; what it had not answered is not in the counts", l.Cluster, l.Error), "    ")
	}
	p.line("")
	for _, part := range c.Parts {
		p.write("  ")
		p.glyph(agreement(&part))
		p.line(fmt.Sprintf("%-10s %s of %s%s", part.Name, number(part.Agreed), number(part.Compared), leftOut(&part)))
	}
	p.refusals("Undecided offline", c.Unknown)
	p.refusals("Not judged live", c.Unjudged)
	if len(c.Misses) > 0 {
		p.heading("Misses")
	}
	shown := min(len(c.Misses), p.limit(comparisonMisses))
	for _, m := range c.Misses[:shown] {
		p.write("  ")
		p.glyph("✗")
		p.wrapped(p.plain, where(&m), "    ")
		p.quote("offline: " + m.Offline)
		p.quote("live:    " + m.Live)
	}
	if rest := len(c.Misses) - shown; rest > 0 {
		p.rest(number(rest) + " more; -o misses=FILE has them all")
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// leftOut is what of a part was not compared.
func leftOut(p *timeline.Part) string {
	var all []string
	for _, some := range []struct {
		n    int
		what string
	}{{p.Partly, "without undecided rules"}, {p.Undecided, "undecided"}, {p.Unjudged, "not judged"}} {
		if some.n > 0 {
			all = append(all, number(some.n)+" "+some.what)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// agreement is the mark of a part; one of which nothing is known has neither.
func agreement(p *timeline.Part) string {
	switch {
	case p.Compared == 0:
		return "·"
	case p.Agreed < p.Compared:
		return "✗"
	}
	return "✓"
}

// comparisonMarkdown writes a table with a row for each: agreed of compared.
func comparisonMarkdown(w io.Writer, all []*timeline.Comparison) error {
	var head, line, rows string
	for _, c := range all {
		head, line, rows = "|", "|", rows+"|"
		add := func(name, value string) {
			head, line, rows = head+" "+name+" |", line+"---|", rows+" "+value+" |"
		}
		add("policies", cmp.Or(path.Base(c.Policies), "candidate"))
		for _, part := range c.Parts {
			add(part.Name, number(part.Agreed)+" of "+number(part.Compared))
		}
		add("undecided", number(counted(c.Unknown)))
		add("not judged", number(counted(c.Unjudged)))
		add("s", fmt.Sprintf("%.0f", c.Took.Seconds()))
		rows += "\n"
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n%s", head, line, rows)
	return err
}

func counted(list []timeline.Refusal) (n int) {
	for _, r := range list {
		n += r.Count
	}
	return n
}

func where(m *timeline.Discrepancy) string {
	text := fmt.Sprintf("%s: %s on %s", m.Part, m.Request, m.Cluster)
	if m.Record >= 0 {
		text += fmt.Sprintf(" (record %d)", m.Record)
	}
	return text
}

func (p *page) refusals(title string, list []timeline.Refusal) {
	if len(list) == 0 {
		return
	}
	p.heading(title)
	for _, r := range list {
		p.write("  ")
		p.wrapped(p.plain, fmt.Sprintf("%s: %s, as %s", reports.Count(r.Count, "request"), r.Reason, r.Sample), "    ")
	}
}
