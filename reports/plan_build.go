package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// PlanInput is what a plan's report is built from.
type PlanInput struct {
	Tool   Tool
	At     time.Time
	Hub    *placement.Hub // the state that is asked about
	From   *placement.Hub // the state before; nil when nothing was placed yet
	Fleet  string         // where the clusters come from, in words
	Events []placement.Event
	Plan   *placement.Plan
	// Installed is what members are known to have, by name: what the hub does not bring is
	// theirs. nil: only what the hub brings is known.
	Installed map[string]*policy.Set
	Notes     []string
}

// BuildPlan decides, sorts and counts everything that a reader of a plan will see.
func BuildPlan(in PlanInput) *Plan {
	p := &Plan{
		SchemaVersion: PlanSchemaVersion, Kind: PlanKind, Tool: in.Tool, Notes: orEmpty(in.Notes),
		Question: PlanQuestion{Hub: hubOf(in.Hub), Fleet: in.Fleet, Distributor: in.Plan.Distributor, At: in.At.UTC()},
		Clusters: []PlanCluster{}, Stages: []PlanStage{}, Policies: []PlanPolicy{}, Placements: []PlanPlacement{},
	}
	if in.From != nil {
		from := hubOf(in.From)
		p.Question.From = &from
	}
	for _, e := range in.Events {
		p.Question.Events = append(p.Question.Events, e.Text)
	}
	for _, m := range in.Plan.Members {
		p.Clusters = append(p.Clusters, planCluster(m))
	}
	w := newWalk(in.Plan, in.Installed)
	p.Stages = orEmpty(w.stages())
	p.Policies = orEmpty(w.matrix(in.Hub))
	p.Groups = orEmpty(w.groups(p.Policies))
	for i := range in.Plan.Placements {
		p.Placements = append(p.Placements, planPlacement(&in.Plan.Placements[i]))
	}
	p.Warnings = warningsOf(in.Plan)
	p.Problems = problemsOf(in.Plan)
	p.count()
	p.Refusals = orEmpty(refusalsOf(p))
	p.Status = Planned
	if len(p.Refusals) > 0 {
		p.Status = Refused
	}
	p.Headline = planHeadline(p)
	return p
}

func hubOf(h *placement.Hub) PlanHub {
	out := PlanHub{Source: h.Source, Revision: h.Revision, Digest: h.Digest}
	for _, o := range h.Objects {
		if policy.IsPolicyKind(o.APIVersion, o.Kind) && isPolicy(o.Kind) {
			out.Policies++
		} else {
			out.Others++
		}
	}
	return out
}

func planCluster(m *placement.Member) PlanCluster {
	labels := maps.Clone(m.Labels)
	delete(labels, "kubernetes-fleet.io/member-name") // KubeFleet gives it to every member
	out := PlanCluster{Name: m.Name, Labels: labels, Leaving: m.Leaving, Production: production(m.Labels)}
	for _, t := range m.Taints {
		text := t.Key
		if t.Value != "" {
			text += "=" + t.Value
		}
		out.Taints = append(out.Taints, text+":"+t.Effect)
	}
	return out
}

// production tells whether labels say that a cluster is one of production.
func production(labels map[string]string) bool {
	for _, key := range []string{"env", "environment", "tier", "stage"} {
		if v := strings.ToLower(labels[key]); v == "prod" || v == "prd" || v == "production" {
			return true
		}
	}
	return false
}

func planPlacement(in *placement.Placement) PlanPlacement {
	out := PlanPlacement{
		Kind: in.Kind, Namespace: in.Namespace, Name: in.Name, File: in.File, Line: in.Line, Type: in.Type, Strategy: in.Strategy,
		Index: in.Index, Selected: orEmpty(in.Selected), Scheduled: in.Scheduled, Decisions: []PlanDecision{}, Runs: in.Runs, Overrides: in.Overrides,
	}
	at := map[decisionKey]int{}
	for _, d := range in.Decisions {
		key := decisionKey{d.Selected, d.Sticky, strings.ReplaceAll(d.Reason, fmt.Sprintf("%q", d.Cluster), `"…"`)}
		if i, ok := at[key]; ok {
			out.Decisions[i].Clusters = append(out.Decisions[i].Clusters, d.Cluster)
			continue
		}
		at[key] = len(out.Decisions)
		out.Decisions = append(out.Decisions, PlanDecision{Selected: key.selected, Sticky: key.sticky, Reason: key.reason, Clusters: []string{d.Cluster}})
	}
	slices.SortStableFunc(out.Decisions, func(a, b PlanDecision) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	return out
}

// decisionKey is what decisions about several clusters have in common.
type decisionKey struct {
	selected, sticky bool
	reason           string
}

func rankOf(d PlanDecision) int {
	if d.Selected {
		return 0
	}
	return 1
}

func warningsOf(in *placement.Plan) []PlanWarning {
	out := []PlanWarning{}
	seen := map[string]bool{}
	for _, w := range in.Warnings {
		key := fmt.Sprint(w)
		if !seen[key] {
			out = append(out, PlanWarning(w))
		}
		seen[key] = true
	}
	slices.SortStableFunc(out, func(a, b PlanWarning) int { return cmp.Compare(general(a), general(b)) })
	return out
}

// general is 1 of a warning that holds of every rollout: those come last.
func general(w PlanWarning) int {
	if w.Object == "" {
		return 1
	}
	return 0
}

func problemsOf(in *placement.Plan) []PlanProblem {
	out := []PlanProblem{}
	for _, q := range in.Problems {
		p := PlanProblem{File: q.File, Line: q.Line, Object: q.Policy, Reason: q.Reason, Fix: wayOut(q.Reason)}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b PlanProblem) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return out
}
