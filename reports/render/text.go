package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// worstShown is how many workloads, namespaces and unknowns the terminal shows; the
// other formats have all.
const worstShown = 10

// textWriter collects lines; the first error of the stream is kept.
type textWriter struct {
	out   io.Writer
	width int
	color bool
	err   error
}

func renderText(w io.Writer, r *reports.Report, opt Options) error {
	t := &textWriter{out: w, width: opt.Width, color: opt.Color}
	if t.width < 40 {
		t.width = 100
	}
	t.headline(r)
	t.question(r)
	t.policies(r)
	t.namespaces(r)
	t.workloads(r)
	t.unknowns(r)
	t.problems(r)
	t.budget(r)
	return t.err
}

func (t *textWriter) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.out, format+"\n", args...)
	}
}

// paint colours s: 31 red, 32 green, 33 yellow, 1 bold, 2 dim.
func (t *textWriter) paint(code int, s string) string {
	if !t.color || s == "" {
		return s
	}
	return "\x1b[" + strconv.Itoa(code) + "m" + s + "\x1b[0m"
}

func (t *textWriter) heading(format string, args ...any) {
	t.line("")
	t.line("%s", t.paint(1, fmt.Sprintf(format, args...)))
}

func (t *textWriter) headline(r *reports.Report) {
	mark, code := "OK", 32
	switch {
	case r.Status == reports.BudgetExceeded:
		mark, code = "EXCEEDED", 31
	case r.Status == reports.Unanswered:
		mark, code = "UNANSWERED", 33
	}
	for i, l := range wrap(plain(r.Headline), t.width-len(mark)-2) {
		if i == 0 {
			t.line("%s  %s", t.paint(code, mark), t.paint(1, l))
			continue
		}
		t.line("%s  %s", strings.Repeat(" ", len(mark)), t.paint(1, l))
	}
}

func (t *textWriter) question(r *reports.Report) {
	q := &r.Question
	t.line("")
	for _, c := range q.Captures {
		t.line("capture    %s: %d requests of %d workloads in %d clusters", plain(c.File), r.Totals.Requests, r.Totals.Workloads, len(r.Clusters))
		if c.From != nil {
			t.line("           recorded %s to %s", c.From.Format("2006-01-02 15:04:05"), c.To.Format("2006-01-02 15:04:05"))
		}
	}
	t.line("baseline   %s (%d policies): %s", plain(q.Baseline.Source), q.Baseline.Policies, sayDecisions(r.Totals.Baseline))
	t.line("candidate  %s (%d policies): %s", plain(q.Candidate.Source), q.Candidate.Policies, sayDecisions(r.Totals.Candidate))
	if r.Totals.OutOfScope > 0 {
		t.line("           %d requests are out of scope: no webhook would see them", r.Totals.OutOfScope)
	}
	if r.Totals.Incomplete > 0 {
		t.line("           %d requests were recorded without a body", r.Totals.Incomplete)
	}
}

func sayDecisions(s reports.Side) string {
	var parts []string
	for _, d := range []verdict.Decision{verdict.Allowed, verdict.Denied, verdict.DecisionUndecided, verdict.DecisionError} {
		if n := s.Decisions[d]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, d))
		}
	}
	if len(parts) == 0 {
		return "no request judged"
	}
	return strings.Join(parts, ", ")
}

func (t *textWriter) policies(r *reports.Report) {
	var counts []reports.Counts
	for i := range r.Policies {
		counts = append(counts, r.Policies[i].Workloads)
	}
	classes := present(counts...)
	if len(classes) == 0 {
		return
	}
	rows := [][]string{{"policy", ""}}
	for _, class := range classes {
		rows[0] = append(rows[0], saying[class])
	}
	quiet := 0
	for i := range r.Policies {
		p := &r.Policies[i]
		if len(p.Workloads) == 0 {
			quiet++
			continue
		}
		row := []string{policyName(p.Ref.Kind, p.Ref.Namespace, p.Ref.Name), p.Change}
		rows = append(rows, append(row, cells(classes, p.Workloads)...))
	}
	t.heading("Workloads by policy")
	t.table(rows)
	if quiet > 0 {
		t.line("  %d more policies change nothing", quiet)
	}
}

func cells(classes []reports.Class, counts reports.Counts) []string {
	var out []string
	for _, class := range classes {
		cell := "-"
		if n := counts[class]; n > 0 {
			cell = strconv.Itoa(n)
		}
		out = append(out, cell)
	}
	return out
}

func (t *textWriter) namespaces(r *reports.Report) {
	var counts []reports.Counts
	for i := range r.Namespaces {
		counts = append(counts, r.Namespaces[i].Workloads)
	}
	classes := present(counts...)
	if len(classes) == 0 {
		return
	}
	rows := [][]string{{"cluster", "namespace"}}
	for _, class := range classes {
		rows[0] = append(rows[0], saying[class])
	}
	rows[0] = append(rows[0], "of")
	for i, n := range r.Namespaces {
		if i == worstShown {
			break
		}
		name := n.Namespace
		if name == "" {
			name = "(cluster-scoped)"
		}
		row := append([]string{n.Cluster, name}, cells(classes, n.Workloads)...)
		rows = append(rows, append(row, strconv.Itoa(n.WorkloadsTotal)))
	}
	t.heading("Workloads by cluster and namespace")
	t.table(rows)
	t.more(len(r.Namespaces)-worstShown, "namespaces")
}

func (t *textWriter) more(n int, what string) {
	if n > 0 {
		t.line("  and %d more %s; -o html=report.html or -o json has all", n, what)
	}
}

func (t *textWriter) workloads(r *reports.Report) {
	if len(r.Workloads) == 0 {
		return
	}
	t.heading("The worst of %d changed workloads", len(r.Workloads))
	for i := range r.Workloads {
		if i == worstShown {
			break
		}
		w := &r.Workloads[i]
		head := oneLine(where(w))
		if w.Team != "" {
			head += " (team " + oneLine(w.Team) + ")"
		}
		if len(w.Bites) > 0 {
			head += "  bites " + bites(w.Bites)
		}
		t.line("  %s", t.paint(1, head))
		for j := range w.Findings {
			if j == 4 {
				t.line("    and %d more findings", len(w.Findings)-j)
				break
			}
			t.finding(&w.Findings[j])
		}
	}
	t.more(len(r.Workloads)-worstShown, "workloads")
}

func (t *textWriter) finding(f *reports.Finding) {
	code := 33
	if f.Class == reports.NewlyDenied || f.Class == reports.Error {
		code = 31
	}
	rule := strings.Trim(f.Policy.Name+" "+f.Rule, " ")
	t.line("    %s  %s: %s -> %s, %s", t.paint(code, saying[f.Class]), oneLine(rule), oneLine(f.Before), oneLine(f.After), times(f.Requests))
	detail := f.Message
	switch {
	case f.Class == reports.Undecided:
		detail = f.Reason + ": " + f.Resolve
	case len(f.Objects) > 0:
		detail = strings.Join(f.Objects, ", ")
	case len(f.Patch)+len(f.OldPatch) > 0 && detail == "":
		detail = "patch " + orNone(string(f.OldPatch)) + " -> " + orNone(string(f.Patch))
	}
	for i, l := range wrap(clip(oneLine(detail), 3*t.width), t.width-6) {
		if i == 3 {
			break
		}
		t.line("      %s", t.paint(2, l))
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func times(n int) string {
	if n == 1 {
		return "1 request"
	}
	return strconv.Itoa(n) + " requests"
}

func (t *textWriter) unknowns(r *reports.Report) {
	if len(r.Unknowns) == 0 {
		return
	}
	t.heading("What could not be decided, and what would decide it")
	for i, u := range r.Unknowns {
		if i == worstShown {
			break
		}
		t.line("  %s (%s): %s", times(u.Requests), u.Side, clip(oneLine(u.Reason), 2*t.width))
		for _, l := range wrap(oneLine(u.Resolve), t.width-6) {
			t.line("      %s", t.paint(2, l))
		}
	}
	t.more(len(r.Unknowns)-worstShown, "reasons")
}

func (t *textWriter) problems(r *reports.Report) {
	if len(r.Rejected) > 0 {
		t.heading("Policies that Kyverno would reject, left out of the replay")
		for _, p := range r.Rejected {
			t.line("  %s %s:%d %s: %s", p.Side, oneLine(p.File), p.Line, oneLine(p.Policy), clip(oneLine(p.Reason), 2*t.width))
		}
	}
	if len(r.Skipped) > 0 {
		t.heading("Input that could not be read: %d pieces", len(r.Skipped))
		for i, s := range r.Skipped {
			if i == worstShown {
				break
			}
			t.line("  %s %s:%d: %s", s.Where, oneLine(s.File), s.Line, clip(oneLine(s.Reason), t.width))
		}
		t.more(len(r.Skipped)-worstShown, "pieces")
	}
	if len(r.Totals.ScopeReasons) > 0 {
		t.heading("Out of scope")
		for _, reason := range slices.SortedFunc(maps.Keys(r.Totals.ScopeReasons), func(a, b string) int {
			if n := r.Totals.ScopeReasons[b] - r.Totals.ScopeReasons[a]; n != 0 {
				return n
			}
			return strings.Compare(a, b)
		}) {
			t.line("  %6d  %s", r.Totals.ScopeReasons[reason], oneLine(reason))
		}
	}
	for _, note := range r.Notes {
		t.line("note: %s", oneLine(note))
	}
}

func (t *textWriter) budget(r *reports.Report) {
	t.heading("Budget")
	for _, l := range r.Budget {
		mark := t.paint(32, "ok  ")
		if l.Exceeded {
			mark = t.paint(31, "over")
		}
		t.line("  %s  %s: %s, allowed %s", mark, l.Name, l.Found, l.Allowed)
	}
}
