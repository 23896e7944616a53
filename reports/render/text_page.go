package render

import (
	"math"
	"strings"
)

const (
	defaultColumns = 100
	fewestColumns  = 40 // below, lines run over rather than columns vanish
)

// page is a text under construction. Everything that it is handed is cleaned here.
type page struct {
	out    strings.Builder
	width  int
	color  bool
	detail bool
}

func newPage(opt Options) *page {
	width := opt.Width
	if width == 0 {
		width = defaultColumns
	}
	return &page{width: max(width, fewestColumns), color: opt.Color, detail: opt.Detail}
}

// limit is how many of a list to show.
func (p *page) limit(most int) int {
	if p.detail {
		return math.MaxInt
	}
	return most
}

// The styles. Red, green and yellow are left to glyphs, so that colour never carries alone.
func (p *page) plain(s string) string { return s }
func (p *page) bold(s string) string  { return p.style("1", s) }
func (p *page) dim(s string) string   { return p.style("2", s) }

func (p *page) style(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// glyph writes a mark and a space, with its colour.
func (p *page) glyph(mark string) {
	code := map[string]string{"✓": "32", "✗": "31"}[mark]
	if code == "" {
		code = "33"
	}
	p.write(p.style(code, mark) + " ")
}

func (p *page) write(s string) { p.out.WriteString(s) }
func (p *page) line(s string)  { p.out.WriteString(strings.TrimRight(s, " ") + "\n") }

func (p *page) heading(s string) {
	p.line("")
	p.wrapped(p.bold, s, "  ")
}

// wrapped ends the line that was begun with text; further lines start with indent, which
// is also as wide as what the line holds already, or less.
func (p *page) wrapped(style func(string) string, text, indent string) {
	for i, part := range wrap(clean(text), p.width-max(columns(indent), 4)) {
		if i > 0 {
			p.write(indent)
		}
		if i >= p.limit(textLines) {
			p.line("…")
			return
		}
		p.line(style(part))
	}
}

// field is one line of what was asked.
func (p *page) field(name, text string) {
	const indent = "              "
	p.write("  " + p.dim(name) + indent[2+len(name):])
	p.wrapped(p.plain, text, indent)
}

// rest tells what a list leaves out.
func (p *page) rest(s string) {
	if s != "" {
		p.write("  ")
		p.wrapped(p.dim, "… and "+s, "    ")
	}
}

// wrap breaks one line into lines of at most so many columns, at spaces where it can. It
// gives at least one line.
func wrap(s string, most int) []string {
	var lines []string
	line, used := "", 0
	flush := func() {
		lines = append(lines, line)
		line, used = "", 0
	}
	for word := range strings.FieldsSeq(s) {
		wide := columns(word)
		if used > 0 && used+1+wide > most {
			flush()
		}
		for wide > most { // a word longer than a line: broken wherever it must
			part := head(word, most)
			if part == "" {
				break
			}
			lines = append(lines, part)
			word = word[len(part):]
			wide -= columns(part)
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += wide
	}
	if line != "" || len(lines) == 0 {
		flush()
	}
	return lines
}
