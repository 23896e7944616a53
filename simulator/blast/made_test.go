package blast

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// What controllers make is told where it says more than what it is made of, and where there is something that
// it is made of.
func TestWhatControllersMake(t *testing.T) {
	kind := func(kind string, of *capture.Record) *capture.Record {
		rec := pod("prod", "shop", "cart", nil)
		rec.Kind.Kind, rec.Live, rec.TemplateOf = kind, false, of
		return &rec
	}
	says := func(outcomes ...string) (j verdict.Judgement) { // "policy/rule outcome"
		j.Decision = verdict.Allowed
		for _, o := range outcomes {
			at, outcome, _ := strings.Cut(o, " ")
			policy, rule, _ := strings.Cut(at, "/")
			v := verdict.Verdict{Policy: verdict.PolicyRef{Kind: "ClusterPolicy", Name: policy}, Rule: rule, Type: verdict.Validate, Outcome: verdict.Fail, Action: verdict.Enforce}
			switch outcome {
			case "denied":
				j.Decision = verdict.Denied
			case "undecided":
				v.Outcome, v.Reason, j.Decision = verdict.Undecided, "who", verdict.DecisionUndecided
			}
			j.Verdicts = append(j.Verdicts, v)
		}
		return j
	}
	cron := kind("CronJob", nil)
	job := kind("Job", cron)
	answer := func(rec *capture.Record, before, after verdict.Judgement) replay.Answer {
		return replay.Answer{Record: rec, Sides: []verdict.Judgement{before, after}}
	}
	for reason, test := range map[string]struct {
		answers []replay.Answer
		want    string
	}{
		"a twin of the workload's rule says nothing more": {[]replay.Answer{
			answer(cron, says(), says("p/autogen-cronjob-r denied")), answer(job, says(), says("p/autogen-r denied"))}, "newly-denied p/autogen-cronjob-r 1"},
		"another rule of the policy does": {[]replay.Answer{
			answer(cron, says(), says("p/r undecided")), answer(job, says(), says("p/s denied"))}, "newly-denied p/s 1; undecided p/r 1"},
		"of a workload that is refused nothing is made": {[]replay.Answer{
			answer(cron, says("p/r denied"), says("p/r denied")), answer(job, says("p/r denied"), says("q/s denied")), answer(kind("Pod", job), says(), says("q/s denied"))}, ""},
		"nor of a Job": {[]replay.Answer{
			answer(cron, says(), says()), answer(job, says(), says("p/r denied")), answer(kind("Pod", job), says(), says("q/s denied"))}, "newly-denied p/r 1"},
		"a workload that is admitted now, and whose pods are refused as they would have been": {[]replay.Answer{
			answer(cron, says("p/r denied"), says()), answer(kind("Pod", cron), says("q/s denied"), says("q/s denied"))}, "newly-allowed p/r 1; newly-denied q/s 1"},
		"what is not known of a pod is told with the rest": {[]replay.Answer{
			answer(cron, says(), says()), answer(kind("Pod", cron), says(), says("q/s undecided"))}, "undecided q/s 1; unknown who 1"},
	} {
		r := measure(Config{}, test.answers...)
		var got []string
		for _, w := range r.Changed {
			for _, f := range w.Findings {
				got = append(got, fmt.Sprintf("%s %s/%s %d", f.Class, f.Policy.Name, f.Rule, f.Requests))
			}
			if w.Kind != "CronJob" {
				t.Errorf("%s: laid to %s", reason, w.Kind)
			}
		}
		for _, u := range r.Unknowns {
			if len(test.answers) == 2 && test.answers[1].Sides[1].Decision == verdict.DecisionUndecided {
				got = append(got, fmt.Sprintf("unknown %s %d", u.Reason, u.Requests))
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(test.want, strings.Join(got, "; ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", reason, d)
		}
	}
}
