package render

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// mdWorkloads folds the worst workloads, as many as fit into left bytes.
func mdWorkloads(workloads []reports.Workload, left int) *section {
	s := &section{head: "\n### Workloads, worst first\n\n"}
	const reserve = 200 // for the head and the line that tells what is missing
	s.limit = left - reserve
	s.list(len(workloads), markdownWorkloads, func(i int) string { return mdWorkload(&workloads[i]) },
		func(i int) string {
			return mdRest(count(len(workloads)-i, "more workload") + "; the html and json reports have them all")
		})
	return s
}

// mdWorkload is one folded workload. It is added whole or not at all, so that no element stays open.
func mdWorkload(w *reports.Workload) string {
	about := []string{"cluster " + mdCode(w.Cluster)}
	if w.Team != "" {
		about = append(about, "team "+mdCode(w.Team))
	}
	about = append(about, countsWords(w.Requests))
	if len(w.Bites) > 0 {
		about = append(about, "bites "+whens(w.Bites))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary><b>%s</b>, %s</summary>\n\n", mdCode(owner(w)), strings.Join(about, ", "))
	for i := range w.Findings[:min(len(w.Findings), markdownFindings)] {
		mdFinding(&b, &w.Findings[i])
	}
	if rest := len(w.Findings) - markdownFindings; rest > 0 {
		b.WriteString("- … and " + count(rest, "more finding") + "\n")
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// countsWords names the classes without numbers: "newly denied, newly warned".
func countsWords(c reports.Counts) string {
	var words []string
	for _, class := range present(c) {
		words = append(words, long(class))
	}
	return strings.Join(words, ", ")
}

func mdFinding(b *strings.Builder, f *reports.Finding) {
	b.WriteString("- **" + long(f.Class) + "**")
	if f.Bite != "" {
		b.WriteString(" " + when(f.Bite))
	}
	if f.Policy != (verdict.PolicyRef{}) {
		b.WriteString(" by " + mdCode(ruleName(f.Policy, f.Rule)))
	}
	fmt.Fprintf(b, ": %s → %s, %s of %s\n", mdName(f.Before), mdName(f.After), count(f.Requests, "request"), mdCode(f.Subject))
	for i, object := range f.Objects {
		if i == markdownFindings {
			b.WriteString("  - … and " + count(len(f.Objects)-i, "more object") + "\n")
			break
		}
		b.WriteString("  - " + mdCode(object) + "\n")
	}
	mdQuote(b, f.Message)
	if f.Reason != f.Message {
		mdQuote(b, f.Reason)
	}
	if f.Resolve != "" {
		b.WriteString("  - → " + mdSentence(f.Resolve) + "\n")
	}
	for _, patch := range patches(f) {
		mdQuote(b, patch)
	}
}

// mdQuote is somebody else's words, line by line. An HTML block that starts with <pre>
// ends at </pre> only; < is escaped, so the text cannot end it.
func mdQuote(b *strings.Builder, text string) {
	var lines []string
	for line := range strings.Lines(cleanLines(cut(text, markdownSentence))) {
		if line = clean(line); line != "" {
			lines = append(lines, mdEntities.Replace(line))
		}
	}
	if len(lines) > 0 {
		b.WriteString("\n  <pre>" + strings.Join(lines, "\n  ") + "</pre>\n")
	}
}

// mdEntities writes what could be markup, a link, a mention or a reference as entities,
// which markdown never takes for structure.
var mdEntities = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;",
	"|", "&#124;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "~", "&#126;",
	"[", "&#91;", "]", "&#93;", `\`, "&#92;", "!", "&#33;", "$", "&#36;",
	"#", "&#35;", "@", "&#64;", "://", "&#58;//", "www.", "www&#46;", "mailto:", "mailto&#58;",
)

// mdText is data in running text. GitHub looks for @mentions and #references after it has
// resolved entities, but not across a comment.
func mdText(s string) string {
	s = mdEntities.Replace(clean(s))
	return strings.NewReplacer("&#64;", "&#64;<!-- -->", "&#35;", "&#35;<!-- -->").Replace(s)
}

func mdName(s string) string     { return mdText(cut(s, markdownName)) }
func mdSentence(s string) string { return mdText(cut(s, markdownSentence)) }

// mdCode is a name in a code element, where GitHub looks for nothing.
func mdCode(s string) string {
	return "<code>" + mdEntities.Replace(middle(clean(cut(s, 4*markdownName)), markdownName)) + "</code>"
}

func mdHead(classes []reports.Class, names ...string) string {
	head, rule := "|", "|"
	for _, name := range names {
		head += " " + name + " |"
		if name == "of" || name == "changed" { // numbers
			rule += "--:|"
			continue
		}
		rule += "---|"
	}
	for _, class := range classes {
		head += " " + short(class) + " |"
		rule += "--:|"
	}
	return head + "\n" + rule + "\n"
}

func mdRow(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// mdCounts are the last cells of a row, already joined; the worst class is bold.
func mdCounts(c reports.Counts, classes []reports.Class) string {
	out := cells(c, classes)
	for i, class := range classes {
		if class == reports.NewlyDenied && c[class] > 0 {
			out[i] = "**" + out[i] + "**"
		}
	}
	return strings.Join(out, " | ")
}

func mdRest(s string) string { return "\n… and " + s + "\n" }
