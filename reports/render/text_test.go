package render_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

func TestTextFitsTheWidth(t *testing.T) {
	all := map[string]*reports.Report{"large": fleet(t, 20, 10_000, false), "mixed": fleet(t, 6, 420, true), "evil": hostileAndLarge(t), "twenty": rehearsedFleet(t, 20, 120)}
	for _, name := range fixtures() {
		all[name] = fixture(t, name)
	}
	for name, r := range all {
		for _, width := range []int{40, 60, 80, 100, 137, 200} {
			for i, line := range strings.Split(rendered(t, "text", r, render.Options{Width: width}), "\n") {
				wide := utf8.RuneCountInString(line) + strings.Count(line, "漢") + strings.Count(line, "字")
				if wide > width {
					t.Errorf("%s: line %d has %d columns, want at most %d: %.200s", name, i+1, wide, width, line)
				}
			}
		}
	}
}

func TestTextHasNoControlCharactersOfTheData(t *testing.T) {
	for i, r := range rendered(t, "text", hostileAndLarge(t), render.Options{}) {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Fatalf("%U at byte %d", r, i)
		}
	}
}

func TestTextColours(t *testing.T) {
	r := fixture(t, "hostile")
	plain := rendered(t, "text", r, render.Options{})
	colored := rendered(t, "text", r, render.Options{Color: true})
	ours := regexp.MustCompile(`\x1b\[(0|1|2|31|32|33)m`)
	if got := ours.ReplaceAllString(colored, ""); got != plain {
		t.Error("without our own colours the text with colours differs from the one without")
	}
	if colored == plain || strings.Contains(plain, "\x1b") {
		t.Error("colours are there when they should not be, or the other way round")
	}
}

func TestTextStaysShort(t *testing.T) {
	r := fleet(t, 20, 10_000, false)
	text := rendered(t, "text", r, render.Options{})
	if n := strings.Count(text, "\n"); n > 150 {
		t.Errorf("10,000 denials make %d lines, want at most 150", n)
	}
	for _, want := range []string{"Worst workloads (10 of 10,000)", "more namespaces with workloads: "} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
}

func TestTextTellsWhatItLeavesOut(t *testing.T) {
	r := fleet(t, 3, 900, false)
	rest := 0
	for _, g := range r.Namespaces[15:] {
		rest += g.Workloads[reports.NewlyDenied]
	}
	want := fmt.Sprintf("… and %d more namespaces with workloads: %d newly denied", len(r.Namespaces)-15, rest)
	if text := rendered(t, "text", r, render.Options{}); !strings.Contains(text, want) {
		t.Errorf("the text lacks %q", want)
	}
}

func TestTextDetailShowsAll(t *testing.T) {
	r := fleet(t, 3, 60, true)
	text := rendered(t, "text", r, render.Options{Detail: true})
	for _, w := range r.Workloads {
		if !strings.Contains(text, w.Name) {
			t.Errorf("the detailed text lacks workload %s", w.Name)
		}
	}
}
