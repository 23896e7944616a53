package placement

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// adoptRuns takes new runs and changed states; a run that is gone moves nothing more.
func (w *world) adoptRuns() {
	before := w.runs
	w.runs = nil
	w.generation++
	for _, r := range w.hub.runs {
		next := &runState{run: r, generation: w.generation, condition: Condition{Status: "Unknown", Reason: "UpdateRunNotInitialized"}}
		if i := slices.IndexFunc(before, func(x *runState) bool { return x.object() == next.object() }); i >= 0 {
			next = before[i]
			next.run = r
		}
		if !next.ended {
			next.due = w.now
		}
		w.runs = append(w.runs, next)
	}
	slices.SortStableFunc(w.runs, func(a, b *runState) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.Namespace, b.Namespace), compareNatural(a.Name, b.Name))
	})
}

// compareNatural compares names with numbers in them as people do: run-2 before run-10.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		x, restA := cutNumber(a)
		y, restB := cutNumber(b)
		if unicode.IsDigit(rune(x[0])) && unicode.IsDigit(rune(y[0])) {
			n, m := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(n), len(m)), strings.Compare(n, m)); c != 0 {
				return c
			}
		} else if c := strings.Compare(x, y); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// cutNumber cuts the leading run of digits, or of anything else.
func cutNumber(s string) (head, rest string) {
	digit := unicode.IsDigit(rune(s[0]))
	for i, r := range s {
		if unicode.IsDigit(r) != digit {
			return s[:i], s[i:]
		}
	}
	return s, ""
}
