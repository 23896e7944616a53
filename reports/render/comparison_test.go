package render

import (
	"strings"
	"testing"

	"github.com/seatrial/seatrial/harness/timeline"
)

func TestComparisonsHaveARowEach(t *testing.T) {
	all := []*timeline.Comparison{
		{Policies: "policies/one", Parts: []timeline.Part{{Name: "decision", Compared: 1200, Agreed: 1199}},
			Unknown: []timeline.Refusal{{Reason: "r", Count: 2}}, Misses: []timeline.Discrepancy{{Policies: "policies/one", Part: "decision", Request: "CREATE Pod a/b"}}},
		{Policies: "policies/two", Parts: []timeline.Part{{Name: "decision", Compared: 3, Agreed: 3}}},
	}
	for format, want := range map[string]string{
		"markdown": "| policies | decision | undecided | not judged | s |\n|---|---|---|---|---|\n| one | 1,199 of 1,200 | 2 | 0 | 0 |\n| two | 3 of 3 | 0 | 0 | 0 |\n",
		"misses":   `{"policies":"policies/one","part":"decision","cluster":"","record":0,"request":"CREATE Pod a/b","offline":"","live":""}` + "\n",
	} {
		var out strings.Builder
		if err := Comparisons(&out, format, all, Options{}); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, out.String(), want)
		}
	}
}

// Of a part of which nothing was compared nothing is known, and an interruption is told.
func TestAnInterruptedComparisonSaysSo(t *testing.T) {
	c := &timeline.Comparison{Interrupted: true, Parts: []timeline.Part{{Name: "policy", Compared: 75, Agreed: 75}, {Name: "decision"}}}
	for _, want := range []string{"agree in 75 of 75 comparisons", "It was interrupted", "✓ policy     75 of 75", "· decision   0 of 0"} {
		if got := textOf(t, c); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	c.Parts[0] = timeline.Part{Name: "policy"}
	if got := textOf(t, c); !strings.Contains(got, "Nothing was compared") {
		t.Errorf("nothing agrees:\n%s", got)
	}
}

// What a lost cluster did not answer is in no count, and said so.
func TestComparisonsTellWhoWasLost(t *testing.T) {
	c := &timeline.Comparison{Parts: []timeline.Part{{Name: "decision", Compared: 3, Agreed: 3}}, Lost: []timeline.Loss{{Cluster: "b", Error: "no answer"}}}
	if got, want := textOf(t, c), "✗ cluster b was lost: no answer; what it had not answered is not in the counts\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

// What was not compared is counted beside what was.
func TestComparisonsTellWhatIsLeftOut(t *testing.T) {
	c := &timeline.Comparison{Parts: []timeline.Part{{Name: "warnings", Compared: 1515, Agreed: 1515, Partly: 1324, Undecided: 2, Unjudged: 55}, {Name: "object", Undecided: 3}}}
	for _, want := range []string{"✓ warnings   1,515 of 1,515 (1,324 without undecided rules, 2 undecided, 55 not judged)\n", "· object     0 of 0 (3 undecided)\n"} {
		if got := textOf(t, c); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func textOf(t *testing.T, c *timeline.Comparison) string {
	t.Helper()
	var out strings.Builder
	if err := Comparisons(&out, "text", []*timeline.Comparison{c}, Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
