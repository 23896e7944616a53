package blast

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// When a refusal is felt: of what stands, at the next change where applying it again is refused, and
// else when it is made anew.
func TestBitesOfWhatStands(t *testing.T) {
	object := func(kind string) capture.Record {
		rec := pod("prod", "shop", "cart", nil)
		rec.Kind.Kind, rec.Origin.Source = kind, "cluster"
		return rec
	}
	again := func(kind string) capture.Record {
		rec := object(kind)
		rec.Operation, rec.Again = capture.Update, true
		return rec
	}
	const complete = `{"conditions":[{"type":"Complete","status":"True"}]}`
	ofTemplate := func(workload capture.Record) capture.Record {
		rec := pod("prod", "shop", "", &capture.Owner{Kind: workload.Kind.Kind, Name: "cart"})
		rec.Live, rec.TemplateOf = false, &workload
		return rec
	}
	admitted := func(rec capture.Record) replay.Answer {
		return replay.Answer{Record: &rec, Sides: []verdict.Judgement{{Decision: verdict.Allowed}, {Decision: verdict.Allowed}}}
	}
	ended := func(kind, status string) capture.Record {
		rec := pod("prod", "shop", "cart", nil)
		rec.Kind.Kind, rec.Origin.Source, rec.Object = kind, "cluster", []byte(`{"status":`+status+`}`)
		return rec
	}
	unlive := object("CronJob")
	unlive.Live = false
	for reason, test := range map[string]struct {
		answers []replay.Answer
		want    string
	}{
		"violations that exist may stand":                    {[]replay.Answer{admitted(again("Deployment")), denied(object("Deployment"))}, "next-creation=1"},
		"where they may not, the next rollout is refused":    {[]replay.Answer{denied(again("Deployment")), denied(object("Deployment"))}, "next-rollout=1"},
		"or the next change":                                 {[]replay.Answer{denied(again("Service")), denied(object("Service"))}, "next-change=1"},
		"an update that is refused alone is told by itself":  {[]replay.Answer{denied(again("Deployment")), admitted(object("Deployment"))}, "next-rollout=1"},
		"an update says nothing of what comes after its own": {[]replay.Answer{admitted(again("Deployment")), admitted(object("Deployment")), denied(object("Service"))}, "next-change=1"},
		"what runs makes its next pod without a rollout":     {[]replay.Answer{admitted(again("CronJob")), admitted(object("CronJob")), denied(ofTemplate(object("CronJob")))}, "next-restart=1"},
		"nor does what has run to its end make another":      {[]replay.Answer{admitted(ended("Job", complete)), denied(ofTemplate(ended("Job", complete)))}, "next-creation=1"},
		"a Job that has run to its end is not made again":    {[]replay.Answer{denied(ended("Job", complete))}, "next-creation=1"},
		"nor is its pod":   {[]replay.Answer{denied(ended("Pod", `{"phase":"Succeeded"}`))}, "next-creation=1"},
		"one that runs is": {[]replay.Answer{denied(ended("Pod", `{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}`))}, "next-restart=1"},
		"what does not run yet makes its pods once it is out": {[]replay.Answer{admitted(unlive), denied(ofTemplate(unlive))}, "next-rollout=1"},
	} {
		r := measure(Config{}, test.answers...)
		var got []string
		for _, w := range r.Changed {
			for bite, n := range w.Bites {
				got = append(got, fmt.Sprintf("%s=%d", bite, n))
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(test.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", reason, d)
		}
		if n := r.Requested[diff.NewlyDenied]; n != 1 {
			t.Errorf("%s: %d requests are newly denied", reason, n)
		}
	}
}

// Of two rules that refuse a creation, one may let stand what stands: each finding says so of its own.
func TestBitesOfEachRule(t *testing.T) {
	rec := pod("prod", "shop", "cart", nil)
	rec.Kind.Kind, rec.Origin.Source = "Deployment", "cluster"
	update := rec
	update.Operation, update.Again = capture.Update, true
	says := func(rule string, outcome verdict.Outcome) verdict.Verdict {
		return verdict.Verdict{Policy: limits, Rule: rule, Type: verdict.Validate, Outcome: outcome, Action: verdict.Enforce}
	}
	refused := func(rec *capture.Record, verdicts ...verdict.Verdict) replay.Answer {
		return replay.Answer{Record: rec, Sides: []verdict.Judgement{{Decision: verdict.Allowed}, {Decision: verdict.Denied, Verdicts: verdicts}}}
	}
	r := measure(Config{},
		refused(&update, says("lenient", verdict.Pass), says("strict", verdict.Fail)),
		refused(&rec, says("lenient", verdict.Fail), says("strict", verdict.Fail), says("unasked", verdict.Fail)))
	got := map[string]Bite{}
	for _, f := range r.Changed[0].Findings {
		got[f.Rule] = f.Bite
	}
	want := map[string]Bite{"lenient": NextCreation, "strict": NextRollout, "unasked": NextRollout}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bites (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[Bite]int{NextRollout: 1}, r.Changed[0].Bites); d != "" {
		t.Errorf("bites of the workload (-want +got):\n%s", d)
	}
}
