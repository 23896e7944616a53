package render

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// clean makes data safe for a terminal, one line of it: escape sequences, control and
// invisible characters go (they could hide or reorder text), line ends become spaces.
func clean(s string) string { return strings.Join(strings.Fields(cleanLines(s)), " ") }

// cleanLines is clean that keeps line ends.
func cleanLines(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if n := escapeSequence(s[i:]); n > 0 {
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == '\n':
			b.WriteByte('\n')
		case r == '\t' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			b.WriteByte(' ')
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// escapeSequence measures the terminal escape sequence that s begins with; 0 if none:
// CSI (ESC [ … letter), OSC (ESC ] … BEL or ESC \), and the two-byte ones.
func escapeSequence(s string) int {
	if len(s) < 2 || s[0] != 0x1b {
		return 0
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 {
				return i
			}
		}
		return len(s)
	case ']':
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b || s[i] == '\n' {
				return i
			}
		}
		return len(s)
	case '\n':
		return 1
	}
	return 2
}

// columns is how wide a terminal shows s: two for East Asian wide characters, none for
// combining ones.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// head is the first columns of s; tail the last.
func head(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > most {
			return s[:i]
		}
	}
	return s
}

func tail(s string, most int) string {
	n, i := 0, len(s)
	for i > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if n += runeColumns(r); n > most {
			break
		}
		i -= size
	}
	return s[i:]
}

// middle cuts s to so many columns in the middle: names differ at both ends.
func middle(s string, most int) string {
	if columns(s) <= most {
		return s
	}
	if most < 1 {
		return ""
	}
	left := (most - 1) / 2
	return head(s, left) + "…" + tail(s, most-1-left)
}

// cut cuts s to so many bytes at the end, at a character's border.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	i := most - len("…")
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return s[:i] + "…"
}
