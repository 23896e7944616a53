package render_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

const commentLimit = 65_536 // characters of a GitHub comment

func TestMarkdownFitsAComment(t *testing.T) {
	everywhere := hostileAndLarge(t)
	for range 7 { // 128 of everything
		everywhere.Workloads = append(everywhere.Workloads, everywhere.Workloads...)
		everywhere.Policies = append(everywhere.Policies, everywhere.Policies...)
		everywhere.Namespaces = append(everywhere.Namespaces, everywhere.Namespaces...)
		everywhere.Teams = append(everywhere.Teams, everywhere.Teams...)
		everywhere.Unknowns = append(everywhere.Unknowns, everywhere.Unknowns...)
		everywhere.Rejected = append(everywhere.Rejected, everywhere.Rejected...)
		everywhere.Skipped = append(everywhere.Skipped, everywhere.Skipped...)
		everywhere.Notes = append(everywhere.Notes, everywhere.Notes...)
		everywhere.Budget = append(everywhere.Budget, everywhere.Budget...)
	}
	everywhere.Rehearsal = manyTimes(everywhere.Rehearsal)
	everywhere.Headline = strings.Repeat("<&|`", 50_000)
	for name, r := range map[string]*reports.Report{
		"large": fleet(t, 20, 10_000, false), "mixed": fleet(t, 20, 10_000, true), "evil": hostileAndLarge(t), "everywhere": everywhere, "twenty": rehearsedFleet(t, 20, 500),
	} {
		text := rendered(t, "markdown", r, render.Options{})
		if n := len(text); n > commentLimit {
			t.Errorf("%s: %d bytes (%d characters), want at most %d", name, n, utf8.RuneCountInString(text), commentLimit)
		}
		if open, shut := strings.Count(text, "<details>"), strings.Count(text, "</details>"); open != shut {
			t.Errorf("%s: %d details begin, %d end", name, open, shut)
		}
		if len(r.Workloads) > 100 && !strings.Contains(text, "more workloads; the html and json reports have them all") {
			t.Errorf("%s: what is left out is not told", name)
		}
		if len(r.Workloads) > 0 && strings.Count(text, "<details><summary><b>") == 0 {
			t.Errorf("%s: no workload is shown", name)
		}
	}
}

// TestMarkdownHostile lets GitHub's own converter read the comment, raw HTML let through:
// nothing but our own elements comes out, and every row has the columns of its table.
func TestMarkdownHostile(t *testing.T) {
	converter, err := exec.LookPath("cmark-gfm")
	if err != nil {
		t.Skip("cmark-gfm is not installed: apt-get install cmark-gfm")
	}
	cmd := exec.CommandContext(t.Context(), converter, "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough")
	cmd.Stdin = strings.NewReader(rendered(t, "markdown", hostileAndLarge(t), render.Options{}))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	page := string(out)
	ours := regexp.MustCompile(`</?(h2|h3|p|table|thead|tbody|tr|th|td|strong|code|ul|li|details|summary|b|br|pre)( align="right")?>`)
	if left := regexp.MustCompile(`<[a-zA-Z/][^>]*>`).FindString(ours.ReplaceAllString(page, "")); left != "" {
		t.Errorf("an element that is not ours: %s", left)
	}
	for _, table := range strings.Split(page, "<table>")[1:] {
		table, _, _ = strings.Cut(table, "</table>")
		rows := strings.Split(table, "<tr>")[1:]
		for _, row := range rows[1:] {
			if heads, cells := strings.Count(rows[0], "<th"), strings.Count(row, "<td"); heads != cells {
				t.Errorf("a row of %d cells below %d heads: %s", cells, heads, row)
			}
			if strings.Contains(row, "<td></td>\n</tr>") && !strings.Contains(rows[0], "<th></th>") {
				t.Errorf("a row that was filled up: %s", row)
			}
		}
	}
	prose := regexp.MustCompile(`(?s)<code>.*?</code>|<pre>.*?</pre>`).ReplaceAllString(page, "")
	if mention := regexp.MustCompile(`[@#]\w+`).FindString(prose); mention != "" {
		t.Errorf("%s would be a mention or a reference", mention)
	}
}
