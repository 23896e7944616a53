package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/drift"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// planNotes say what of the plan a reader must know. What KubeFleet would refuse is no part
// of what the hub intends.
func (q *driftQuestion) planNotes() []string {
	notes := slices.Clone(q.Notes)
	for _, p := range q.plan.Problems {
		note := fmt.Sprintf("%s:%d: %s would be refused, and counts for nothing: %s", p.File, p.Line, p.Policy, p.Reason)
		if !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	for i := range q.plan.Stages {
		if s := &q.plan.Stages[i]; len(s.Needs) > 0 {
			notes = append(notes, fmt.Sprintf("%s needs %s: it counts as given, and clusters that still wait for it differ", s.Name, strings.Join(s.Needs, ", ")))
		}
	}
	for _, x := range q.plan.Warnings {
		switch x.Code {
		case placement.NoRunInTheHub:
			notes = append(notes, x.Text)
		case placement.WorkNotWritten:
			notes = append(notes, fmt.Sprintf("%s on %s: %s; what it selects was not compared there", x.Object, strings.Join(x.Members, ", "), x.Text))
		}
	}
	if n := len(q.plan.Warnings); n > 0 {
		notes = append(notes, fmt.Sprintf("the hub's objects give %s: seatrial plan shows them", counted(n, "warning", "warnings")))
	}
	for _, c := range q.capture.Clusters {
		if !q.member(c.Name) {
			notes = append(notes, "cluster "+c.Name+" of the capture is no member of the fleet: it was not compared")
		}
	}
	return notes
}

// member tells whether the fleet has a cluster of the name.
func (q *driftQuestion) member(name string) bool {
	return slices.ContainsFunc(q.plan.Members, func(m *placement.Member) bool { return m.Name == name })
}

// replay judges the capture's requests under what is installed, with its exceptions and
// without, and counts what each exception did. Clusters without exceptions are left out.
func (q *driftQuestion) replay(ctx context.Context) error {
	q.compiler = kyverno.NewCompiler(q.engine)
	q.traffic = map[string]*drift.Traffic{}
	engines := map[string]replay.Engine{}
	if q.looksUp() {
		if err := q.capture.IndexRecords(); err != nil {
			return malformed(err, "")
		}
	}
	for _, c := range q.capture.Clusters {
		w := q.capture.World(c.Name)
		q.traffic[c.Name] = drift.NewTraffic(drift.InstalledIn(w))
		with := kyverno.InstalledPolicies(w)
		if !q.member(c.Name) || !slices.ContainsFunc(with.Objects, isException) {
			continue
		}
		without := policy.FromObjects("captured, without exceptions", slices.DeleteFunc(slices.Clone(with.Objects), isException))
		var sides []*kyverno.Program
		for _, set := range []*policy.Set{with, without} {
			program, err := q.compiler.Compile(ctx, set, w)
			if err != nil {
				return unanswered(fmt.Errorf("compile the policies of %s: %w", c.Name, err))
			}
			sides = append(sides, program)
		}
		q.reject(c.Name, sides[0].Rejected)
		engine, err := q.compiler.Engine(w, capture.User{}, sides...)
		if err != nil {
			return malformed(err, "")
		}
		engines[c.Name] = engine
	}
	return q.judge(ctx, engines)
}

func isException(o policy.Object) bool { return o.Kind == "PolicyException" }

// judge replays the records of the clusters that have an engine, and counts all.
func (q *driftQuestion) judge(ctx context.Context, engines map[string]replay.Engine) error {
	judged := func(yield func(*capture.Record, error) bool) {
		for rec, err := range replay.Templates(q.capture.Records) {
			if err == nil {
				q.span(rec)
				if engines[rec.Cluster] == nil {
					q.traffic[rec.Cluster].Requests++
					continue
				}
			}
			if !yield(rec, err) {
				return
			}
		}
	}
	find := func(cluster string) (replay.Engine, error) { return engines[cluster], nil }
	err := replay.Run(ctx, judged, find, q.workers, func(a replay.Answer) error {
		q.traffic[a.Record.Cluster].Add(a.Record, a.Sides[0], a.Sides[1])
		return nil
	})
	if err != nil {
		return unanswered(err)
	}
	return nil
}

// span widens the time that the capture's requests cover.
func (q *driftQuestion) span(rec *capture.Record) {
	if t := rec.Time; t != nil {
		if q.from == nil || t.Before(*q.from) {
			q.from = t
		}
		if q.to == nil || t.After(*q.to) {
			q.to = t
		}
	}
}

// looksUp tells whether any installed policy asks for objects that are not always indexed.
func (q *driftQuestion) looksUp() bool {
	for _, c := range q.capture.Clusters {
		if slices.ContainsFunc(kyverno.InstalledPolicies(q.capture.World(c.Name)).Objects, kyverno.LooksUp) {
			return true
		}
	}
	return false
}

// reject notes installed policies that this engine would refuse: they judge nothing here.
func (q *driftQuestion) reject(cluster string, problems []policy.Problem) {
	for _, p := range problems {
		q.notes = append(q.notes, fmt.Sprintf("%s in %s: Kyverno %s would refuse it (%s); what its exceptions let through is not known", p.Policy, cluster, kyverno.Version, p.Reason))
	}
}

// report compares, and builds the answer.
func (q *driftQuestion) report() (*reports.Drift, error) {
	config, err := kyverno.DefaultConfig()
	if err != nil {
		return nil, unanswered(err)
	}
	states := q.plan.Stages[len(q.plan.Stages)-1].States
	question := drift.Question{At: q.at, Hub: q.After.Objects, Config: &config, Normalise: defaulter(q.compiler)}
	for _, m := range q.plan.Members {
		c := drift.Cluster{Name: m.Name, Labels: m.Labels, World: q.capture.World(m.Name), Traffic: q.traffic[m.Name]}
		if s := states[m.Name]; s != nil {
			c.Intended = s.Delivered
		}
		question.Clusters = append(question.Clusters, c)
	}
	return reports.BuildDrift(reports.DriftInput{
		Tool: tool(),
		Question: reports.DriftQuestion{
			Hub:   reports.DriftHub{Source: q.After.Source, Revision: q.After.Revision, Digest: q.After.Digest},
			Fleet: q.Fleet, Distributor: q.plan.Distributor, At: q.at,
			Capture: reports.Capture{File: q.capture.Path, Digest: q.capture.End.Digest, Records: int(q.capture.End.Records), From: q.from, To: q.to},
		},
		Result: drift.Compare(question), Budget: q.config.Budget.Drift, Exempts: q.config.Budget.Exempts, Notes: q.notes,
	}), nil
}
