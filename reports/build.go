package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Input is what a report is built from. Radius, Baseline and Candidate are nil in a report
// of a rehearsal only.
type Input struct {
	Tool      Tool
	Captures  []Capture
	At        time.Time
	Baseline  *policy.Set // nil when each cluster has its own: see BaselineName
	Candidate *policy.Set
	// BaselineName stands for the baseline's source where there is no single set: "captured".
	BaselineName   string
	BaselineDigest string
	BaselineCount  int
	Changes        []policy.Change
	Radius         *blast.Radius
	Scan           *blast.Scan // nil when no background scan was asked for
	Rejected       []Rejected
	Skipped        []Skipped
	Notes          []string
	Rehearsal      *timeline.Timeline // nil when nothing was rehearsed
	Stages         []StageInput       // of a hub change
	Hub            *Plan              // of a hub change; nil: the question was about two sets
	HubBudget      blast.Hub
}

// Build decides, sorts and counts everything that a reader will see.
func Build(in Input) *Report {
	r := in.Radius
	if r == nil {
		r = &blast.Radius{}
	}
	report := &Report{
		SchemaVersion: SchemaVersion, Tool: in.Tool,
		Question: Question{Captures: in.Captures, Baseline: baselineOf(in), Candidate: setOf(in.Candidate), At: in.At.UTC()},
		Totals:   totalsOf(r),
		Rejected: orEmpty(in.Rejected), Skipped: orEmpty(in.Skipped), Notes: orEmpty(in.Notes), Rehearsal: rehearsed(in.Rehearsal), PolicyReports: policyReportsOf(in.Scan),
		Budget: []Limit{}, Unknowns: []Unknown{}, Clusters: []Cluster{}, Namespaces: []Group{}, Workloads: []Workload{},
	}
	for _, l := range r.Budget {
		report.Budget = append(report.Budget, Limit(l))
	}
	for _, u := range r.Unknowns {
		report.Unknowns = append(report.Unknowns, Unknown(u))
	}
	report.Stages = stagesOf(in.Stages)
	if in.Hub != nil {
		report.Shortfalls = in.Hub.Shortfalls()
		report.Budget = append(report.Budget, hubLimits(in.HubBudget, report.Shortfalls)...)
	}
	report.Policies = policiesOf(in)
	report.groups(r)
	for _, w := range r.Changed {
		report.Workloads = append(report.Workloads, workloadOf(w))
	}
	slices.SortStableFunc(report.Workloads, worstWorkload)
	if r.ObjectsCut > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("the objects of %s were left out of the report for size", Count(r.ObjectsCut, "workload")))
	}
	report.Status = rehearsalStatus(statusOf(report), report.Rehearsal)
	report.Headline = headline(report)
	return report
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func setOf(s *policy.Set) Set {
	if s == nil {
		return Set{}
	}
	out := Set{Source: s.Source, Revision: s.Revision, Digest: s.Digest, Others: len(s.Others)}
	for _, o := range s.Objects {
		if isPolicy(o.Kind) {
			out.Policies++
		} else {
			out.Others++
		}
	}
	return out
}

func isPolicy(kind string) bool { return strings.HasSuffix(kind, "Policy") }

func baselineOf(in Input) Set {
	if in.Baseline != nil {
		return setOf(in.Baseline)
	}
	return Set{Source: in.BaselineName, Digest: in.BaselineDigest, Policies: in.BaselineCount}
}

func totalsOf(r *blast.Radius) Totals {
	return Totals{
		Requests: r.Requests, OutOfScope: r.OutOfScope, ScopeReasons: r.ScopeReasons, Incomplete: r.Incomplete, Workloads: r.Workloads,
		TemplatePods: r.TemplatePods, TemplateOthers: r.TemplateOthers, TemplatePodsDiffer: r.TemplatePodsDiffer,
		Baseline: sideOf(r.Baseline), Candidate: sideOf(r.Candidate), ChangedRequests: r.Requested, ChangedWorkloads: r.Owned,
	}
}

func sideOf(s blast.Side) Side { return Side{Decisions: s.Decisions, Outcomes: outcomesOf(s.Outcomes)} }

func outcomesOf(m map[verdict.Outcome]int) map[string]int {
	out := map[string]int{}
	for outcome, n := range m {
		out[outcome.String()] = n
	}
	return out
}

// worse orders counts: more newly denied first, then the next class.
func worse(a, b Counts) int {
	for _, class := range Classes() {
		if a[class] != b[class] {
			return cmp.Compare(b[class], a[class])
		}
	}
	return 0
}

func (r *Report) groups(radius *blast.Radius) {
	for _, c := range radius.Clusters {
		r.Clusters = append(r.Clusters, Cluster{Name: c.Name, Labels: c.Labels, Requests: c.Requests, WorkloadsTotal: c.Workloads, ChangedRequests: c.Requested, Workloads: c.Owned})
		for _, n := range c.Namespaces {
			if len(n.Requested) > 0 {
				r.Namespaces = append(r.Namespaces, Group{Cluster: c.Name, Namespace: n.Name, WorkloadsTotal: n.Workloads, ChangedRequests: n.Requested, Workloads: n.Owned})
			}
		}
	}
	slices.SortStableFunc(r.Namespaces, func(a, b Group) int {
		return cmp.Or(worse(a.Workloads, b.Workloads), worse(a.ChangedRequests, b.ChangedRequests), cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace))
	})
	r.Teams = teamsOf(radius)
}

// teamsOf counts the changed workloads of each team; without any team there is no table.
func teamsOf(radius *blast.Radius) []Group {
	teams := map[string]*Group{}
	for _, w := range radius.Changed {
		g, ok := teams[w.Team]
		if !ok {
			g = &Group{Team: w.Team, ChangedRequests: Counts{}, Workloads: Counts{}}
			teams[w.Team] = g
		}
		g.WorkloadsTotal++
		for class, n := range w.Requested {
			g.ChangedRequests[class] += n
			g.Workloads[class]++
		}
	}
	if len(teams) == 0 || len(teams) == 1 && teams[""] != nil {
		return nil
	}
	var out []Group
	for _, name := range slices.Sorted(maps.Keys(teams)) {
		out = append(out, *teams[name])
	}
	slices.SortStableFunc(out, func(a, b Group) int { return worse(a.Workloads, b.Workloads) })
	return out
}

func workloadOf(w *blast.Workload) Workload {
	out := Workload{
		Cluster: w.Cluster, Namespace: w.Namespace, Kind: w.Kind, Name: w.Name, Team: w.Team,
		Requests: w.Requested, First: w.First, Last: w.Last, Users: w.Users, Findings: []Finding{},
		File: w.Origin.File, Line: w.Origin.Line,
	}
	for _, bite := range blast.Bites() {
		if w.Bites[bite] > 0 {
			out.Bites = append(out.Bites, bite)
		}
	}
	for _, f := range w.Findings {
		out.Findings = append(out.Findings, findingOf(f))
	}
	if len(w.Object) > 0 {
		if text, err := yaml.JSONToYAML(w.Object); err == nil {
			out.Object = string(text)
		}
	}
	return out
}

func findingOf(f *blast.Finding) Finding {
	out := Finding{
		Class: f.Class, Policy: f.Policy, Rule: f.Rule, Requests: f.Requests, Subject: f.Subject, Message: f.Message,
		Patch: f.Patch, OldPatch: f.OldPatch, Objects: f.Objects, Before: sayVerdict(f.Before), After: sayVerdict(f.After),
	}
	if f.Class == NewlyDenied {
		out.Bite = f.Bite
	}
	if f.After != nil && f.Class == Undecided {
		out.Reason, out.Resolve = f.After.Reason, f.After.Resolve
	}
	return out
}

func sayVerdict(v *verdict.Verdict) string {
	switch {
	case v == nil:
		return "not matched"
	case v.Outcome == verdict.Fail && v.Action != "":
		return v.Outcome.String() + " (" + string(v.Action) + ")"
	case v.Outcome == verdict.Skip && len(v.Exceptions) > 0:
		return "skip (exception " + strings.Join(v.Exceptions, ", ") + ")"
	}
	return v.Outcome.String()
}

func worstWorkload(a, b Workload) int {
	return cmp.Or(worse(presence(a.Requests), presence(b.Requests)), firstBite(a)-firstBite(b), worse(a.Requests, b.Requests))
}

// presence reduces counts to whether a class is there, so that one workload with many
// requests does not hide the others.
func presence(c Counts) Counts {
	out := Counts{}
	for class, n := range c {
		out[class] = min(n, 1)
	}
	return out
}

func firstBite(w Workload) int {
	if len(w.Bites) == 0 {
		return len(blast.Bites())
	}
	return slices.Index(blast.Bites(), w.Bites[0])
}

func statusOf(r *Report) Status {
	for _, l := range r.Budget {
		if l.Exceeded {
			return BudgetExceeded
		}
	}
	return WithinBudget
}
