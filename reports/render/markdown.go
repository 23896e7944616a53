package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// GitHub refuses a comment over 65,536 characters. We count bytes, which are never fewer,
// and share them out: each section has its own limit, the workloads have what is left.
const (
	markdownBytes     = 65_000
	markdownName      = 80  // bytes of a name before escaping, which may grow it sixfold
	markdownSentence  = 600 // bytes of a reason or message
	markdownRows      = 25  // of a table
	markdownWorkloads = 25
	markdownFindings  = 5 // of a workload
)

// renderMarkdown is the report for a pull-request comment: what it holds stays readable
// for ten thousand denials, because tables are by policy and namespace and single
// workloads are folded.
func renderMarkdown(w io.Writer, r *reports.Report, _ Options) error {
	top := []*section{mdHeadline(r), mdBudget(r.Budget), mdShortfalls(r.Shortfalls, len(r.Clusters)), mdHubStages(r.Stages), mdPolicies(r), mdNamespaces(r.Namespaces), mdTeams(r.Teams), mdScan(r.PolicyReports), mdRejected(r.Rejected), mdUnknowns(r.Unknowns)}
	top = append(top, mdRehearsal(r.Rehearsal)...)
	bottom := []*section{mdSkipped(r.Skipped), mdNotes(r.Notes), mdAsked(r)}
	left := markdownBytes
	for _, s := range append(slices.Clone(top), bottom...) {
		left -= s.size()
	}
	all := append(append(top, mdWorkloads(r.Workloads, left)), bottom...)
	var out strings.Builder
	for _, s := range all {
		s.writeTo(&out)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// section is a part of the comment that stops growing at its limit.
type section struct {
	head, foot string // always written when there is a body; not counted against the limit
	body       strings.Builder
	limit      int // bytes of the body
}

// add takes a piece in, or says that it does not fit.
func (s *section) add(piece string) bool {
	if s.body.Len()+len(piece) > s.limit {
		return false
	}
	s.body.WriteString(piece)
	return true
}

func (s *section) size() int {
	if s.body.Len() == 0 {
		return 0
	}
	return len(s.head) + s.body.Len() + len(s.foot)
}

func (s *section) writeTo(out *strings.Builder) {
	if s.body.Len() > 0 {
		out.WriteString(s.head + s.body.String() + s.foot)
	}
}

// list adds pieces until one does not fit or most are there; then rest(n) tells the others.
func (s *section) list(n, most int, piece func(i int) string, rest func(from int) string) {
	for i := range n {
		if i >= most || !s.add(piece(i)) {
			s.foot = rest(i) + s.foot
			return
		}
	}
}

func mdHeadline(r *reports.Report) *section {
	s := &section{limit: 6000}
	glyph := map[reports.Status]string{reports.WithinBudget: "✅", reports.BudgetExceeded: "❌"}[r.Status]
	if glyph == "" {
		glyph = "❓"
	}
	s.add("## " + glyph + " " + mdText(cut(r.Headline, 800)) + "\n")
	if line := countsLine(r.Totals.ChangedWorkloads); line != "" {
		s.add("\nWorkloads: " + line + ".\n")
	}
	return s
}

func mdBudget(limits []reports.Limit) *section {
	s := &section{head: "\n| budget | found | allowed | |\n|---|--:|--:|---|\n", limit: 4000}
	s.list(len(limits), markdownRows, func(i int) string {
		l := &limits[i]
		verdict := "within"
		if l.Exceeded {
			verdict = "**exceeded**"
		}
		return fmt.Sprintf("| %s | %s | %s | %s |\n", mdName(l.Name), mdName(l.Found), mdName(l.Allowed), verdict)
	}, func(i int) string { return mdRest(count(len(limits)-i, "more limit")) })
	return s
}

func mdPolicies(r *reports.Report) *section {
	counts := make([]reports.Counts, len(r.Policies))
	for i := range r.Policies {
		counts[i] = r.Policies[i].Workloads
	}
	classes := present(counts...)
	s := &section{head: "\n### By policy (workloads)\n\n" + mdHead(classes, "policy", "kind", "change"), limit: 11_000}
	news := slices.Clone(r.Policies)
	news = slices.DeleteFunc(news, func(p reports.Policy) bool { return len(p.Requests) == 0 && p.Change == "unchanged" })
	s.list(len(news), markdownRows, func(i int) string {
		p := &news[i]
		return mdRow(mdCode(ruleName(p.Ref, "")), mdName(p.Ref.Kind), mdName(p.Change), mdCounts(p.Workloads, classes))
	}, func(i int) string { return mdRest(policies(len(news)-i) + " more") })
	if quiet := len(r.Policies) - len(news); quiet > 0 {
		s.foot += mdRest(policies(quiet) + " unchanged and without news")
	}
	return s
}

func mdNamespaces(groups []reports.Group) *section {
	classes := present(workloadsOf(groups)...)
	s := &section{head: "\n### By cluster and namespace (workloads)\n\n" + mdHead(classes, "cluster", "namespace", "of"), limit: 11_000}
	s.list(len(groups), markdownRows, func(i int) string {
		g := &groups[i]
		return mdRow(mdCode(g.Cluster), mdCode(place(g.Namespace)), number(g.WorkloadsTotal), mdCounts(g.Workloads, classes))
	}, func(i int) string { return mdRest(restOf(groups[i:], "namespace")) })
	return s
}

func mdTeams(groups []reports.Group) *section {
	classes := present(workloadsOf(groups)...)
	s := &section{head: "\n### By team (workloads)\n\n" + mdHead(classes, "team", "changed"), limit: 5000}
	s.list(len(groups), markdownRows, func(i int) string {
		g := &groups[i]
		return mdRow(mdCode(teamName(g.Team)), number(g.WorkloadsTotal), mdCounts(g.Workloads, classes))
	}, func(i int) string { return mdRest(restOf(groups[i:], "team")) })
	return s
}

func mdRejected(rejected []reports.Rejected) *section {
	s := &section{head: "\n### Rejected: policies that Kyverno would not accept\n\n", limit: 6000}
	s.list(len(rejected), markdownRows, func(i int) string {
		x := &rejected[i]
		return fmt.Sprintf("- %s %s (%s): %s\n", mdCode(position(x.File, x.Line)), mdName(x.Policy), mdName(x.Side), mdSentence(x.Reason))
	}, func(i int) string { return mdRest(policies(len(rejected)-i) + " more") })
	return s
}

func mdUnknowns(unknowns []reports.Unknown) *section {
	s := &section{head: "\n### Undecided: what was not known, and what to capture\n\n", limit: 7000}
	s.list(len(unknowns), markdownRows, func(i int) string {
		u := &unknowns[i]
		piece := fmt.Sprintf("- %s (%s, %s)", mdSentence(u.Reason), count(u.Requests, "request"), mdName(u.Side))
		if u.Resolve != "" {
			piece += "<br>→ " + mdSentence(u.Resolve)
		}
		return piece + "\n"
	}, func(i int) string { return mdRest(count(len(unknowns)-i, "more reason")) })
	return s
}

func mdSkipped(skipped []reports.Skipped) *section {
	s := &section{
		head:  "\n<details><summary>Skipped: " + count(len(skipped), "piece") + " of input that could not be read</summary>\n\n",
		limit: 4000, foot: "\n</details>\n",
	}
	s.list(len(skipped), markdownRows, func(i int) string {
		x := &skipped[i]
		return fmt.Sprintf("- %s (%s): %s\n", mdCode(position(x.File, x.Line)), mdName(x.Where), mdSentence(x.Reason))
	}, func(i int) string { return mdRest(number(len(skipped)-i) + " more") })
	return s
}

func mdNotes(notes []string) *section {
	s := &section{head: "\n### Notes\n\n", limit: 4000}
	s.list(len(notes), markdownRows, func(i int) string { return "- " + mdSentence(notes[i]) + "\n" },
		func(i int) string { return mdRest(count(len(notes)-i, "more note")) })
	return s
}

func mdAsked(r *reports.Report) *section {
	s := &section{head: "\n<details><summary>What was asked</summary>\n\n", foot: "\n</details>\n", limit: 5000}
	q := &r.Question
	if !r.Predicted() {
		s.add(mdTool(r) + "\n")
		s.head, s.foot = "\n", ""
		return s
	}
	lines := []string{}
	for i := range q.Captures {
		lines = append(lines, "capture "+mdSentence(captured(&q.Captures[i])))
	}
	lines = append(lines, "baseline "+mdSentence(set(&q.Baseline)), "candidate "+mdSentence(set(&q.Candidate)), "judged "+judged(&r.Totals))
	for _, reason := range slices.Sorted(maps.Keys(r.Totals.ScopeReasons)) {
		lines = append(lines, "not judged: "+number(r.Totals.ScopeReasons[reason])+" "+mdSentence(reason))
	}
	lines = append(lines, mdTool(r))
	s.list(len(lines), len(lines), func(i int) string { return "- " + lines[i] + "\n" },
		func(i int) string { return mdRest(count(len(lines)-i, "more line")) })
	return s
}

func mdTool(r *reports.Report) string {
	return fmt.Sprintf("%s %s with Kyverno %s, as of %s", mdName(r.Tool.Name), mdName(r.Tool.Version), mdName(r.Tool.Kyverno), asOf(r))
}
