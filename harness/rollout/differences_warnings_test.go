package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// An API server tells of 4096 runes. Of more it cuts every warning to 256, and drops those that come
// when so much is told.
func TestWarningsThatAnAPIServerCuts(t *testing.T) {
	warning := func(i, length int) string { // of runes, not of bytes
		name := fmt.Sprintf("policy p.r%02d: ", i)
		return name + strings.Repeat("ü", length-len(name))
	}
	many := func(n, length int) (out []string) {
		for i := range n {
			out = append(out, warning(i, length))
		}
		return out
	}
	shortened := func(warnings []string) (out []string) {
		for _, w := range warnings {
			out = append(out, shorten(w))
		}
		return out
	}
	alike := []string{"policy p.r: " + strings.Repeat("x", 4000) + "a", "policy p.r: " + strings.Repeat("x", 4000) + "b"}
	broken := "policy q.r: " + strings.Repeat("y", 300) + "\n"
	for _, c := range []struct {
		reason               string
		offline, undelivered []string
		live                 []string
		same                 bool
	}{
		{"as much as is told", many(8, 512), nil, many(8, 512), true},
		{"as much as is told, one is missing", many(8, 512), nil, many(7, 512), false},
		{"cut", many(8, 513), nil, shortened(many(8, 513)), true},
		{"cut, one is missing, and there was room", many(8, 513), nil, shortened(many(7, 513)), false},
		{"cut, and some dropped", many(20, 300), nil, shortened(many(20, 300))[3:19], true},
		{"cut, some dropped, and one that nobody foretold", many(20, 300), nil, append(shortened(many(20, 300))[:15], shorten(warning(42, 300))), false},
		{"short ones, and some dropped", many(50, 100), nil, many(50, 100)[9:], true},
		{"short ones, and more missing than are dropped", many(50, 100), nil, many(50, 100)[10:], false},
		{"the API server's own take room", many(20, 200), nil, append([]string{strings.Repeat("d", 256)}, many(20, 200)[:20]...), true},
		{"the API server's own take room, one is dropped", many(20, 210), nil, append([]string{strings.Repeat("d", 256)}, many(20, 210)[:19]...), true},
		{"the same once they are cut", alike, nil, shortened(alike), true},
		{"a line break that is cut off", many(16, 300), []string{broken}, append(shortened(many(16, 300))[:15], shorten(broken)), true},
		{"a line break, and nothing is cut", many(2, 300), []string{broken}, many(2, 300), true},
	} {
		slices.Reverse(c.live)
		d := differentWarnings(verdict.Judgement{Warnings: c.offline, Undelivered: c.undelivered}, traffic.Answer{Warnings: c.live})
		if (d == nil) != c.same {
			t.Errorf("%s: %+v", c.reason, d)
		}
	}
}

// What undecided rules warn of is not foretold, and takes room all the same.
func TestUndecidedWarningsTakeRoom(t *testing.T) {
	told := func(policy string) (out []string) {
		for i := range 10 {
			out = append(out, fmt.Sprintf("policy %s.r%d: ", policy, i)+strings.Repeat("x", 300))
		}
		return out
	}
	j := verdict.Judgement{Warnings: told("known")}
	for i := range 10 {
		j.Verdicts = append(j.Verdicts, verdict.Verdict{Policy: verdict.PolicyRef{Name: "unknown"}, Rule: fmt.Sprint("r", i), Type: verdict.Validate, Outcome: verdict.Undecided})
	}
	var live []string
	for _, w := range append(told("unknown"), told("known")[:6]...) {
		live = append(live, shorten(w))
	}
	if d := differentWarnings(j, traffic.Answer{Warnings: live}); d != nil {
		t.Errorf("%+v", d)
	}
}
