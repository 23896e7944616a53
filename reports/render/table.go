package render

import (
	"strings"
	"unicode/utf8"
)

// table writes rows in aligned columns; the first row is the heading. Names that do not
// fit are cut in their middle, where they differ least; numbers never are.
func (t *textWriter) table(rows [][]string) {
	widths := columnWidths(rows)
	total := 2
	for _, w := range widths {
		total += w + 2
	}
	for over := total - t.width; over > 0; {
		widest := 0
		for i := range widths {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 12 {
			break
		}
		cut := min(over, widths[widest]-12)
		widths[widest] -= cut
		over -= cut
	}
	for i, row := range rows {
		var line strings.Builder
		for j, cell := range row {
			cell = middle(oneLine(cell), widths[j])
			pad := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell))
			if j >= 2 {
				line.WriteString(pad + cell + "  ")
				continue
			}
			line.WriteString(cell + pad + "  ")
		}
		text := strings.TrimRight(line.String(), " ")
		if i == 0 {
			text = t.paint(2, text)
		}
		t.line("  %s", text)
	}
}

func columnWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for j, cell := range row {
			widths[j] = max(widths[j], utf8.RuneCountInString(oneLine(cell)))
		}
	}
	return widths
}

// middle cuts s to n runes by leaving out its middle.
func middle(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	head := (n - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(n-1-head):])
}

// wrap breaks a text into lines of at most n runes, at spaces where there are any.
func wrap(s string, n int) []string {
	n = max(n, 20)
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for utf8.RuneCountInString(word) > n {
			runes := []rune(word)
			if line != "" {
				lines = append(lines, line)
				line = ""
			}
			lines = append(lines, string(runes[:n]))
			word = string(runes[n:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
