package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

// TestHubStages holds what text and markdown say of the stages of a hub change.
func TestHubStages(t *testing.T) {
	r := fixture(t, "small")
	r.Stages = []reports.Stage{
		{Number: 1, Name: "first rollout", Clusters: []string{"staging"}, Requests: reports.Counts{}, Workloads: reports.Counts{}},
		{Number: 2, Name: "stage production of run|1", At: time.Hour, Clusters: []string{"production", "far"}, NotCaptured: []string{"far"},
			Requests: reports.Counts{reports.NewlyDenied: 4}, Workloads: reports.Counts{reports.NewlyDenied: 3}, Bites: []string{"production"}},
	}
	for format, wants := range map[string][]string{
		"text":     {"1. first rollout            at once          1       ·  ·", "2. stage production of run|1  after 1h         2       3  production", "stage 2 was not judged on far, which the capture does not hold"},
		"markdown": {"| stage | when | clusters | bites in | denied |", "| 2. stage production of run&#124;1 | after 1h at the earliest | 2 | production<br>not judged on far | **3** |"},
		"html":     {`"stages":[{"number":1`},
	} {
		text := rendered(t, format, r, render.Options{})
		for _, want := range wants {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s lacks %q", format, want)
			}
		}
	}
}
