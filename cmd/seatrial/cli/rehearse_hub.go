package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/cmd/seatrial/hubs"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// stagedRun is the scenario of a rehearsal that names a hub and no scenario.
const stagedRun = "library:staged-run"

// fromHub takes over what the flags say of a hub and its fleet, and gives the flags what
// the scenario says.
func (f *rehearseFlags) fromHub(ctx context.Context, s *scenarios.Scenario) error {
	h := &f.hub
	if h.Fleet != "" {
		fleet, err := hubs.ReadFleet(ctx, h.Fleet)
		if err != nil {
			return ofHub(err)
		}
		s.Fleet = fleet.Spec
	}
	if s.Hub == nil {
		if h.Hub != "" || len(h.From) > 0 {
			return malformed(errors.New("--hub: the scenario has stages of its own"), "leave the scenario out: "+stagedRun+" is taken")
		}
		return nil
	}
	h.Hub = firstOf(h.Hub, s.Hub.Objects)
	if h.Hub == "" {
		return malformed(errors.New("no hub to rehearse from"), "give --hub, or hub.objects in the scenario")
	}
	if len(h.From) == 0 && s.Hub.From != "" {
		h.From = []string{s.Hub.From}
	}
	h.KubeFleet = firstOf(h.KubeFleet, s.Hub.KubeFleet)
	return nil
}

// hubPaths are the paths of a scenario's hub, which are relative to its file.
func hubPaths(s *scenarios.Scenario) []*string {
	if s.Hub == nil {
		return nil
	}
	a := &s.Hub.Agents
	paths := []*string{&s.Hub.Objects, &s.Hub.From, &a.HubAgent, &a.MemberAgent, &a.CRDs, &a.HubManifest, &a.MemberManifest}
	for i := range a.Images {
		paths = append(paths, &a.Images[i])
	}
	for i := range s.Faults {
		paths = append(paths, &s.Faults[i].Apply)
	}
	return paths
}

// hubPlan reads the hub's states and decides what each cluster gets at each stage.
func (f *rehearseFlags) hubPlan(ctx context.Context, q *question, s *scenarios.Scenario, in rollout.Input, env Env) (*rollout.Plan, error) {
	if s.Hub.Driver == scenarios.KubeFleet {
		if err := hub.Agents(s.Hub.Agents).Check(); err != nil {
			return nil, malformed(err, "")
		}
		if in.Scenario.Fleet.Components == nil { // garbage collection takes away what is no longer placed
			in.Scenario.Fleet.Components = []string{string(cluster.Kyverno), string(cluster.ControllerManager)}
		}
	}
	h, err := f.hubInput(ctx, q, s, env)
	if err != nil {
		return nil, err
	}
	plan, err := rollout.MakeHub(ctx, in, *h.HubInput)
	if err != nil {
		return nil, malformed(err, "")
	}
	if err := h.moves(plan, q.at); err != nil {
		return nil, err
	}
	for _, m := range plan.Members {
		if err := hub.Agents(s.Hub.Agents).On(m.Name, firstOf(m.Provider, firstOf(f.provider, embedded.Kind))); err != nil {
			return nil, malformed(err, "")
		}
	}
	q.own = map[string]map[string]*policy.Set{}
	for _, m := range plan.Members {
		if q.own[m.World.Cluster.Name] == nil { // of several members with one world the first stands for them
			q.own[m.World.Cluster.Name] = map[string]*policy.Set{"baseline": m.Sets[0], "candidate": m.Sets[len(m.Sets)-1]}
		}
	}
	q.sources = map[string]string{"baseline": firstOf(h.From, "captured"), "candidate": h.Objects}
	return plan, nil
}

// hubInput reads what the flags name. A live hub is only read: the rehearsal has its own.
func (f *rehearseFlags) hubInput(ctx context.Context, q *question, s *scenarios.Scenario, env Env) (*hubInput, error) {
	states, err := hubs.Read(ctx, f.hub.Flags, f.hub.options(ctx, env, q.at, nil, nil))
	if err != nil {
		return nil, ofHub(err)
	}
	h := &rollout.HubInput{
		Objects: f.hub.Hub, Load: faultState(defaulter(kyverno.NewCompiler(q.engine))),
		Options: placement.Options{KubeFleet: placement.Release(f.hub.KubeFleet), At: q.at},
		Driver: func(p cluster.Provider) (hub.Driver, error) {
			return hub.New(s.Hub, p, func(format string, args ...any) { fmt.Fprintf(env.Stderr, format+"\n", args...) })
		},
	}
	if h.After, err = stateOf(states.After); err != nil {
		return nil, malformed(fmt.Errorf("the hub: %w", err), "")
	}
	for _, set := range states.Earlier {
		state, err := stateOf(set)
		if err != nil {
			return nil, malformed(fmt.Errorf("the hub before: %w", err), "")
		}
		h.History, h.From = append(h.History, state), set.Source
	}
	if n := len(h.History); n > 0 {
		h.Before, h.History = h.History[n-1], h.History[:n-1]
	}
	if len(h.History) > 0 && s.Hub.Driver == scenarios.KubeFleet {
		return nil, malformed(errors.New("--hub-from: driver kubefleet takes one state before"), "give the last one, or take driver builtin")
	}
	q.notes = append(q.notes, states.Notes...)
	return &hubInput{h}, nil
}

// hubInput is what a rehearsal from a hub is made from.
type hubInput struct{ *rollout.HubInput }

// moves refuses a rehearsal of which no stage changes anything on a member: it would start a
// fleet to find what the plan says already.
func (h *hubInput) moves(p *rollout.Plan, at time.Time) error {
	if slices.ContainsFunc(p.Stages, func(s *rollout.Stage) bool { return len(s.Picked) > 0 }) {
		return nil
	}
	after, err := placement.FromObjects(h.Objects, h.After, h.Options)
	if err != nil {
		return malformed(err, "")
	}
	plan := reports.BuildPlan(reports.PlanInput{Tool: tool(), At: at, Hub: after, Plan: p.Hub.Plan})
	var lines []string
	for _, x := range plan.Shortfalls() {
		lines = append(lines, "\n  "+strings.TrimPrefix(x.Object+": "+x.Text, ": "))
	}
	return malformed(errors.New("no stage of the hub's change changes anything on the clusters of the rehearsal"+strings.Join(lines, "")),
		"their labels are the capture's unless --fleet FILE, or fleet: in the scenario, gives them; seatrial plan shows the rest")
}

// faultState reads the hub objects that a fault applies, as a hub stores them.
func faultState(stored func(policy.Object) policy.Object) func(context.Context, string) (hub.State, error) {
	return func(ctx context.Context, spec string) (hub.State, error) {
		set, err := policy.LoadObjects(ctx, spec, policy.Options{})
		if err != nil {
			return nil, err
		}
		for i := range set.Objects {
			set.Objects[i] = stored(set.Objects[i])
		}
		return stateOf(set)
	}
}

// stateOf is a hub as objects to apply. One that cannot be read is no hub to rehearse from.
func stateOf(set *policy.Set) (hub.State, error) {
	if len(set.Problems) > 0 {
		p := set.Problems[0]
		return nil, fmt.Errorf("%s:%d: %s", filepath.Join(set.Source, p.File), p.Line, p.Reason)
	}
	return append(slices.Clone(set.Objects), set.Others...), nil
}
