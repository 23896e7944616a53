package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/faults"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// HubInput is what a plan from a hub is made from besides [Input].
type HubInput struct {
	Objects, From string      // as asked
	After         hub.State   // the hub with the change
	Before        hub.State   // what the members run today came from; nil: nothing was placed
	History       []hub.State // states before that, the oldest first
	Options       placement.Options
	Load          func(ctx context.Context, spec string) (hub.State, error) // reads what faults apply
	// Driver makes what carries the policies; it is asked once the provider is known.
	Driver func(cluster.Provider) (hub.Driver, error)
}

// A HubPlan is what a rehearsal from a hub has besides its stages.
type HubPlan struct {
	HubInput
	Plan   *placement.Plan // with every event of the faults
	Faults []faults.Fault
	Notes  []string // that readers should know

	in      Input
	spec    *scenarios.Hub
	fleet   []*placement.Member
	there   map[string]*policy.Set // what members have of their own, by name: it decides about take-over
	late    map[string]bool        // members that join by an event
	state   hub.State              // After, with what faults apply before the first stage
	before  *placement.Hub
	history []*placement.Hub
	initial map[string]*placement.State // of the members, before the rollout
	local   map[*Member]map[key]policy.Object
}

// A HubStage is what a stage has in a rehearsal from a hub.
type HubStage struct {
	Names   []string        // that gates and faults know it by
	Plan    placement.Stage // of the plan
	Wait    time.Duration   // after the stage before
	Happens []Happening     // before it, in order
	Back    *Back           // how its gate's rollback is made; nil: it holds

	held map[string]*placement.State // by member, after it
}

// A Happening is something that is done to the hub between two stages: a fault's event,
// objects that a fault applies, or an approval that the gate before has earned.
type Happening struct {
	placement.Event
	Apply hub.State
	Fault *faults.Fault // nil: an approval
}

// distributor is what foretells; [placement.KubeFleet] is the only one so far.
func (h *HubPlan) distributor() placement.Distributor { return placement.KubeFleet{Options: h.Options} }

// MakeHub makes the plan of a rehearsal whose policies come from a hub. Everything is
// decided here as if every gate passed, and for every gate that rolls back what that leads to.
func MakeHub(ctx context.Context, in Input, h HubInput) (*Plan, error) {
	p := &Plan{Scenario: in.Scenario, Hub: &HubPlan{HubInput: h, in: in, spec: in.Scenario.Hub, late: map[string]bool{}, there: map[string]*policy.Set{}, local: map[*Member]map[key]policy.Object{}}}
	if err := p.hubMembers(in); err != nil {
		return nil, err
	}
	if err := in.Capture.IndexRecords(); err != nil {
		return nil, err
	}
	if err := p.read(in); err != nil {
		return nil, err
	}
	if err := p.hubFaults(ctx); err != nil {
		return nil, err
	}
	w := &hubWalk{Plan: p, in: in}
	if err := w.walk(ctx); err != nil {
		return nil, err
	}
	if len(in.Scenario.Rollback.Ways) > 0 {
		if _, err := p.picks("rollback.clusters", in.Scenario.Rollback.Clusters); err != nil {
			return nil, err
		}
	}
	return p, p.checkExpectations()
}

// hubMembers are the fleet's clusters as members, with their worlds: those that the
// scenario names, else the hub's, else the captured ones.
func (p *Plan) hubMembers(in Input) error {
	h := p.Hub
	after, err := placement.FromObjects(h.Objects, h.After, h.Options)
	if err != nil {
		return err
	}
	if err := refused(after); err != nil {
		return err
	}
	if h.Before != nil {
		if h.before, err = placement.FromObjects(h.From, h.Before, h.Options); err != nil {
			return err
		}
	}
	for _, state := range h.History {
		old, err := placement.FromObjects(h.From, state, h.Options)
		if err != nil {
			return err
		}
		h.history = append(h.history, old)
	}
	spec := in.Scenario.Fleet
	if spec.HasExisting() {
		return fmt.Errorf("%w: fleet: a hub's rollout changes what it has placed before, which is not done to clusters that exist already (hint: embedded or kind clusters)", scenarios.ErrInvalid)
	}
	if len(spec.Clusters) == 0 && spec.Count == 0 {
		for _, m := range after.Members {
			spec.Clusters = append(spec.Clusters, scenarios.Cluster{Name: m.Name, Labels: m.Labels})
		}
	}
	clusters, err := Clusters(spec, in.Capture)
	if err != nil {
		return err
	}
	for _, c := range clusters {
		world := *in.Capture.World(c.World)
		world.Cluster.Complete = true // what is not loaded into a cluster is not in it
		p.Members = append(p.Members, &Member{Cluster: c, World: &world, Captured: in.Capture.World(c.World), Sets: []*policy.Set{in.Baseline(c.World)}})
		h.fleet = append(h.fleet, placement.NewMember(c.Name, c.Labels))
		h.there[c.Name] = in.Baseline(c.World)
	}
	h.fleet = placement.MergeMembers(h.fleet, after.Members)
	for _, m := range h.fleet {
		if p.member(m.Name) == nil {
			h.Notes = append(h.Notes, fmt.Sprintf("member %s of the hub is in the plan, but not in the rehearsal", m.Name))
		}
	}
	return nil
}

// refused says which objects of a hub it would not take.
func refused(h *placement.Hub) error {
	var lines []string
	for _, x := range h.Problems {
		lines = append(lines, fmt.Sprintf("%s:%d: %s: %s", x.File, x.Line, x.Policy, x.Reason))
	}
	if lines == nil {
		return nil
	}
	return fmt.Errorf("%w: the hub would refuse objects:\n  %s", scenarios.ErrInvalid, strings.Join(lines, "\n  "))
}

func (p *Plan) member(name string) *Member {
	for _, m := range p.Members {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// hubFaults draws the faults and reads what they bring.
func (p *Plan) hubFaults(ctx context.Context) (err error) {
	h := p.Hub
	if h.Faults, err = faults.Draw(p.Scenario.Faults, p.clusters(), p.Scenario.Seed); err != nil {
		return err
	}
	for _, f := range h.Faults {
		if f.Event == "" {
			continue
		}
		e, err := placement.ParseEvent(f.Event)
		if err != nil {
			return fmt.Errorf("%w: faults[%d].event: %w", scenarios.ErrInvalid, f.Index, err)
		}
		if e.Verb == "kyverno" {
			return fmt.Errorf("%w: faults[%d].event: Kyverno of a member is stopped with stop: kyverno", scenarios.ErrInvalid, f.Index)
		}
		if e.Verb == "joins" {
			if p.member(e.Subject) == nil {
				return fmt.Errorf("%w: faults[%d].event: the fleet has no cluster %q that could join", scenarios.ErrInvalid, f.Index, e.Subject)
			}
			h.late[e.Subject] = true
		}
	}
	return nil
}

// question asks about the hub's change with the events, in a state of the hub.
func (h *HubPlan) question(ctx context.Context, state hub.State, events []placement.Event) (*placement.Plan, error) {
	after, err := placement.FromObjects(h.Objects, state, h.Options)
	if err != nil {
		return nil, err
	}
	if err := refused(after); err != nil {
		return nil, err
	}
	members := slices.DeleteFunc(slices.Clone(h.fleet), func(m *placement.Member) bool { return h.late[m.Name] })
	return h.distributor().Plan(ctx, placement.Question{History: h.history, Before: h.before, After: after, Members: members, Events: events, Installed: h.there})
}

// setsOf are the sets that a member may have: at every stage, and after every way back.
func (p *Plan) setsOf(m *Member) []*policy.Set {
	out := slices.Clone(m.Sets)
	for _, s := range p.Stages {
		if s.Hub != nil && s.Hub.Back != nil {
			out = append(out, s.Hub.Back.sets[m])
		}
	}
	return out
}

// shortName is a stage's name without what the plan puts around it: "canary" of "event:
// approve run-1/canary: stage canary of run-1".
func shortName(s *placement.Stage) string {
	name := s.Name
	if rest, ok := strings.CutPrefix(name, "event: "); ok {
		if at := strings.LastIndex(rest, ": "); at >= 0 {
			name = rest[at+2:]
		}
	}
	if s.Run == "" {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(name, "stage "), " of "+s.Run)
}
