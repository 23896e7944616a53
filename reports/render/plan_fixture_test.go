package render_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// object is a policy as a hub has it; mode "" makes one that only mutates.
func object(kind, name string, mode policy.Mode, version int) policy.Object {
	apiVersion, spec := "kyverno.io/v1", map[string]any{}
	rule := map[string]any{"name": fmt.Sprintf("r%d", version)}
	if mode != "" {
		rule["validate"] = map[string]any{"failureAction": string(mode)}
	}
	spec["rules"] = []any{rule}
	if kind == "PolicyException" {
		apiVersion, spec = "kyverno.io/v2", map[string]any{"exceptions": []any{map[string]any{"policyName": "limits", "ruleNames": []any{"r1"}}}}
	}
	if kind == "ConfigMap" {
		apiVersion = "v1"
	}
	o := policy.Object{File: "policies/" + name + ".yaml", Line: 1, APIVersion: apiVersion, Kind: kind, Name: name}
	if kind == "PolicyException" || kind == "ConfigMap" {
		o.Namespace = "kyverno"
	}
	o.JSON, _ = json.Marshal(map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec})
	return policy.FromObjects("", []policy.Object{o}).Objects[0]
}

func state(delivered ...placement.Delivered) *placement.State {
	return &placement.State{Delivered: delivered}
}

func delivered(o policy.Object, index int, overrides ...string) placement.Delivered {
	return placement.Delivered{Object: o, Placement: "policies", Index: index, Overrides: overrides}
}

// planInput is a rollout by hand on six clusters: limits goes from Audit to Enforce, stays
// in Audit where an override says so, and never reaches one cluster of production.
func planInput() reports.PlanInput {
	limitsAudit, limitsEnforce, labels, mutate := object("ClusterPolicy", "limits", policy.Audit, 1), object("ClusterPolicy", "limits", policy.Enforce, 1), object("ClusterPolicy", "labels", policy.Enforce, 1), object("ClusterPolicy", "defaults", "", 1)
	devAudit := object("ClusterPolicy", "limits", policy.Audit, 2)
	exception, settings := object("PolicyException", "node-exporter", "", 1), object("ConfigMap", "settings", "", 1)
	old := state(delivered(limitsAudit, 0), delivered(labels, 0))
	next := state(delivered(limitsEnforce, 1), delivered(labels, 1), delivered(mutate, 1), delivered(exception, 1), delivered(settings, 1))
	dev := state(delivered(devAudit, 1, "dev-audit-0"), delivered(labels, 1), delivered(mutate, 1), delivered(exception, 1), delivered(settings, 1))
	stale := state(placement.Delivered{Object: limitsAudit, Placement: "policies", Stale: "the override dev-label-0 failed"}, delivered(labels, 0))
	var members []*placement.Member
	for name, env := range map[string]string{"dev-1": "development", "dev-2": "development", "prod-eu": "production", "prod-us": "production", "prod-ap": "production", "staging": "staging"} {
		m := placement.NewMember(name, map[string]string{"environment": env})
		members = append(members, m)
	}
	members = placement.MergeMembers(members)
	at := func(developed, staged, produced *placement.State) map[string]*placement.State {
		return map[string]*placement.State{"dev-1": developed, "dev-2": developed, "staging": staged, "prod-eu": produced, "prod-us": produced, "prod-ap": old}
	}
	last := at(dev, next, next)
	last["prod-ap"] = stale
	hub := &placement.Hub{Source: "hub", Digest: "sha256:2", Objects: []policy.Object{limitsEnforce, labels, mutate, exception, settings, object("ClusterPolicy", "unplaced", policy.Audit, 1)}}
	return reports.PlanInput{
		Tool: reports.Tool{Name: "seatrial", Version: "dev", Kyverno: "v1.19.1"}, At: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC),
		Hub: hub, From: &placement.Hub{Source: "git:main:hub", Revision: "0123456789abcdef0123456789abcdef01234567", Objects: []policy.Object{limitsAudit, labels}},
		Fleet: "fleet.yaml", Events: []placement.Event{{Text: "prod-ap label env="}}, Notes: []string{"members that no hub knows are taken to be healthy"},
		Plan: &placement.Plan{
			Distributor: "KubeFleet v0.3.1", Members: members,
			Stages: []placement.Stage{
				{Name: "before", States: at(old, old, old)},
				{Name: "stage dev of run-1", Placement: "policies", Run: "run-1", Clusters: []string{"dev-1", "dev-2"}, States: at(dev, old, old)},
				{Name: "stage staging of run-1", Placement: "policies", Run: "run-1", Clusters: []string{"staging"}, At: time.Hour, Needs: []string{"approval run-1-after-dev"}, Note: "waits an hour after stage dev", States: at(dev, next, old)},
				{Name: "stage production of run-1", Placement: "policies", Run: "run-1", Clusters: []string{"prod-ap", "prod-eu", "prod-us"}, At: 2*time.Hour + 90*time.Second, States: last},
			},
			Placements: []placement.Placement{{
				Kind: "ClusterResourcePlacement", Name: "policies", File: "placements.yaml", Line: 1, Type: placement.PickAll, Strategy: "External", Index: 1,
				Selected:  []placement.ObjectRef{{Group: "kyverno.io", Version: "v1", Kind: "ClusterPolicy", Name: "limits"}, {Version: "v1", Kind: "ConfigMap", Namespace: "kyverno", Name: "settings"}},
				Scheduled: placement.Condition{Status: "True", Reason: "SchedulingPolicyFulfilled", Message: "found all cluster needed as specified by the scheduling policy, found 6 cluster(s)"},
				Decisions: decisions(members),
				Runs:      []placement.RunOutcome{{Name: "run-1", Index: 1, Condition: placement.Condition{Status: "Unknown", Reason: "UpdateRunWaiting"}, Waiting: "approval run-1-after-dev"}},
				Overrides: []placement.OverrideUse{{Name: "dev-audit-0", Clusters: []string{"dev-1", "dev-2"}}, {Name: "dev-label-0", Clusters: []string{"prod-ap"}, Failed: []string{"prod-ap"}, Reason: "label key env not found on cluster prod-ap"}},
			}},
			Warnings: []placement.Warning{{Code: "override-without-effect", File: "overrides.yaml", Line: 9, Object: "ClusterResourceOverride/dev-audit", Text: "sets /spec/validationFailureAction, and every rule has a failureAction of its own", Fix: "patch /spec/rules/0/validate/failureAction", Members: []string{"dev-1", "dev-2"}}},
			Problems: []policy.Problem{{File: "overrides.yaml", Line: 30, Policy: "ClusterResourceOverride/broken", Reason: "path /status cannot be overridden"}},
		},
	}
}

func decisions(members []*placement.Member) (out []placement.Decision) {
	for _, m := range members {
		out = append(out, placement.Decision{Cluster: m.Name, Selected: true, Reason: fmt.Sprintf("Successfully scheduled resources for placement in %q: picked by scheduling policy", m.Name)})
	}
	return append(out, placement.Decision{Cluster: "gone", Reason: "ClusterUnschedulable, cluster has left the fleet"})
}

// plans are the fixtures of plans by name: a rollout, one with somebody's attempts in
// every text, and a fleet where nothing changes.
func plans(t testing.TB) map[string]*reports.Plan {
	t.Helper()
	evil := planInput()
	attack := "<script>alert(1)</script>\u202e\x1b[31m|`@someone` ![x](http://evil.example)"
	evil.Hub.Source, evil.Notes[0], evil.Events[0].Text = "hub"+attack, attack, attack
	for i := range evil.Plan.Stages {
		evil.Plan.Stages[i].Name += attack
		evil.Plan.Stages[i].Note += attack
	}
	evil.Plan.Warnings[0].Text += attack + strings.Repeat("x", 10_000)
	evil.Plan.Problems[0].Reason += attack
	evil.Plan.Placements[0].Decisions[0].Reason += attack
	evil.Plan.Placements[0].Scheduled.Message += attack
	still := planInput()
	still.From, still.Events, still.Notes = nil, nil, nil
	still.Plan.Stages, still.Plan.Problems, still.Plan.Warnings, still.Plan.Placements = still.Plan.Stages[:1], nil, nil, nil
	return map[string]*reports.Plan{"plan": reports.BuildPlan(planInput()), "plan-hostile": reports.BuildPlan(evil), "plan-still": reports.BuildPlan(still)}
}
