package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// stagedRun is the scenario of a rehearsal that names a hub and no scenario.
const stagedRun = "library:staged-run"

// fromHub takes over what the flags say of a hub and its fleet.
func (f *rehearseFlags) fromHub(s *scenarios.Scenario) error {
	if f.hub != "" || f.hubFrom != "" {
		if s.Hub == nil {
			return malformed(errors.New("--hub: the scenario has stages of its own"), "leave the scenario out: "+stagedRun+" is taken")
		}
		s.Hub.Objects, s.Hub.From = firstOf(f.hub, s.Hub.Objects), firstOf(f.hubFrom, s.Hub.From)
	}
	if s.Hub != nil && s.Hub.Objects == "" {
		return malformed(errors.New("no hub to rehearse from"), "give --hub, or hub.objects in the scenario")
	}
	if f.fleet == "" {
		return nil
	}
	fleet, err := scenarios.LoadFleet(f.fleet)
	if err != nil {
		return malformed(err, "docs/fleet.md describes the file")
	}
	s.Fleet = fleet.Spec
	return nil
}

// hubPaths are the paths of a scenario's hub, which are relative to its file.
func hubPaths(s *scenarios.Scenario) []*string {
	if s.Hub == nil {
		return nil
	}
	paths := []*string{&s.Hub.Objects, &s.Hub.From, &s.Hub.Agents.HubAgent, &s.Hub.Agents.MemberAgent, &s.Hub.Agents.CRDs}
	for i := range s.Faults {
		paths = append(paths, &s.Faults[i].Apply)
	}
	return paths
}

// hubPlan reads the hub's states and decides what each cluster gets at each stage.
func (f *rehearseFlags) hubPlan(ctx context.Context, q *question, s *scenarios.Scenario, in rollout.Input, env Env) (*rollout.Plan, error) {
	h := rollout.HubInput{
		Objects: s.Hub.Objects, From: s.Hub.From, Load: hubState,
		Options: placement.Options{KubeFleet: placement.Release(s.Hub.KubeFleet), At: q.at},
		Driver: func(p cluster.Provider) (hub.Driver, error) {
			return hub.New(s.Hub, p, func(format string, args ...any) { fmt.Fprintf(env.Stderr, format+"\n", args...) })
		},
	}
	if s.Hub.Driver == scenarios.KubeFleet {
		if err := hub.Agents(s.Hub.Agents).Check(); err != nil {
			return nil, malformed(err, "")
		}
		if in.Scenario.Fleet.Components == nil { // garbage collection takes away what is no longer placed
			in.Scenario.Fleet.Components = []string{string(cluster.Kyverno), string(cluster.ControllerManager)}
		}
	}
	var err error
	if h.After, err = hubState(ctx, s.Hub.Objects); err != nil {
		return nil, malformed(fmt.Errorf("the hub: %w", err), "")
	}
	if s.Hub.From != "" {
		if h.Before, err = hubState(ctx, s.Hub.From); err != nil {
			return nil, malformed(fmt.Errorf("the hub before: %w", err), "")
		}
	}
	plan, err := rollout.MakeHub(ctx, in, h)
	if err != nil {
		return nil, malformed(err, "")
	}
	q.own = map[string]map[string]*policy.Set{}
	for _, m := range plan.Members {
		if q.own[m.World.Cluster.Name] == nil { // of several members with one world the first stands for them
			q.own[m.World.Cluster.Name] = map[string]*policy.Set{"baseline": m.Sets[0], "candidate": m.Sets[len(m.Sets)-1]}
		}
	}
	q.sources = map[string]string{"baseline": firstOf(s.Hub.From, "captured"), "candidate": s.Hub.Objects}
	return plan, nil
}

// hubState reads the objects of a hub: a folder, a file or git:REVISION:PATH.
func hubState(ctx context.Context, spec string) (hub.State, error) {
	if strings.HasPrefix(spec, "context:") {
		return nil, fmt.Errorf("%s: a rehearsal takes a hub's objects from files or git (hint: save them with kubectl get -o yaml)", spec)
	}
	if spec == "none" {
		return nil, nil
	}
	set, err := policy.LoadObjects(ctx, spec, policy.Options{})
	if err != nil {
		return nil, err
	}
	if len(set.Problems) > 0 {
		p := set.Problems[0]
		return nil, fmt.Errorf("%s:%d: %s", filepath.Join(spec, p.File), p.Line, p.Reason)
	}
	return append(set.Objects, set.Others...), nil
}
