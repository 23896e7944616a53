package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/faults"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// liveHub is what a rehearsal from a hub keeps while it runs.
type liveHub struct {
	driver  hub.Driver
	board   *faults.Board
	members map[string]*hub.Member
	runs    []timeline.Run // of the way back that was taken; nil: none was
	reached int            // stages that were walked
	stuck   string         // the run whose stage did not reach a cluster

	mu   sync.Mutex // guards what members are said to hold
	held map[string]*holding
}

// holding is what a member holds from the hub.
type holding struct {
	objects map[key]policy.Object
	came    map[key]arrival
	gone    map[key]policy.Object // that it once held
	set     *policy.Set           // in force; nil: a mixture that no stage of the plan has
}

// arrival says how an object came.
type arrival struct{ snapshot, stage, stale string }

// hubPatience is how long a stage may take unless the scenario says so.
const hubPatience = 30 * time.Second

func (r *rehearsal) patience() time.Duration {
	if p := time.Duration(r.plan.Hub.spec.Patience); p > 0 {
		return p
	}
	return hubPatience
}

// joinHub starts the driver with the members as they are.
func (r *rehearsal) joinHub(ctx context.Context) error {
	h := r.plan.Hub
	start := time.Now()
	driver, err := h.Driver(r.Provider)
	if err != nil {
		return err
	}
	r.hub = &liveHub{driver: driver, members: map[string]*hub.Member{}, held: map[string]*holding{}}
	r.hub.board = faults.NewBoard(h.Faults, faults.Switch{Stop: r.stopPart, Start: r.startPart}, r.start, time.Now)
	var members []*hub.Member
	for _, l := range r.members {
		m := &hub.Member{Cluster: l.cluster, Objects: l.client.Client, Late: h.late[l.Name]}
		if at := slices.IndexFunc(h.fleet, func(m *placement.Member) bool { return m.Name == l.Name }); at >= 0 {
			m.Member = *h.fleet[at]
		}
		r.hub.members[l.Name] = m
		r.hub.held[l.Name] = &holding{objects: map[key]policy.Object{}, came: map[key]arrival{}, gone: map[key]policy.Object{}}
		members = append(members, m)
	}
	r.line.Hub = &timeline.Hub{Objects: h.Objects, From: h.From, Distributor: h.Plan.Distributor, Driver: driver.Name(), Warnings: h.Notes}
	if err := driver.Start(ctx, members, h.Before); err != nil {
		return fmt.Errorf("driver %s: %w", driver.Name(), err)
	}
	r.step(start, "", "members joined the hub, driver "+driver.Name(), "")
	return nil
}

// stopPart and startPart are what faults do.
func (r *rehearsal) stopPart(ctx context.Context, what, name string) error {
	start := time.Now()
	err := r.switchPart(ctx, what, name, cluster.Cluster.Stop, r.hub.driver.Stop)
	r.step(start, name, "fault: "+what+" stopped", message(err))
	return err
}

func (r *rehearsal) startPart(ctx context.Context, what, name string) error {
	start := time.Now()
	err := r.switchPart(ctx, what, name, cluster.Cluster.Start, r.hub.driver.Resume)
	if err == nil && what == scenarios.StopMemberAPI {
		err = r.revive(ctx, name)
	}
	r.step(start, name, "fault over: "+what+" runs again", message(err))
	return err
}

// revive starts what ended with a member's API server, as a kubelet does: Kyverno does not
// live without one. What another fault stops stays stopped.
func (r *rehearsal) revive(ctx context.Context, name string) error {
	c := r.hub.members[name].Cluster
	for _, part := range c.Spec().Parts() {
		if part == cluster.Kyverno && r.hub.board.Down(scenarios.StopKyverno, name) {
			continue
		}
		if err := c.Start(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (r *rehearsal) switchPart(ctx context.Context, what, name string, part func(cluster.Cluster, context.Context, cluster.Component) error, drive func(context.Context, string, string) error) error {
	switch what {
	case scenarios.StopMemberAPI:
		return part(r.hub.members[name].Cluster, ctx, cluster.APIServer)
	case scenarios.StopKyverno:
		return part(r.hub.members[name].Cluster, ctx, cluster.Kyverno)
	}
	return drive(ctx, what, name)
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return firstLine(err.Error())
}

// silent says whether a member's API server is stopped by a fault.
func (r *rehearsal) silent(l *live) bool {
	return r.hub != nil && r.hub.board.Down(scenarios.StopMemberAPI, l.Name)
}

// watchFaults ends faults whose time is over, until the returned function is called.
func (r *rehearsal) watchFaults(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			if err := r.hub.board.Due(ctx); err != nil && ctx.Err() == nil {
				r.step(time.Now(), "", "faults", message(err))
			}
			pause(ctx, 100*time.Millisecond)
		}
	})
	return func() { cancel(); done.Wait() }
}

// enter does what comes before a stage: the wait, faults, approvals that the gate before
// has earned, and for the first stage the change of the hub itself.
func (r *rehearsal) enter(ctx context.Context, s *Stage) error {
	if s.Hub.Wait > 0 {
		start := time.Now()
		pause(ctx, s.Hub.Wait)
		r.step(start, "", fmt.Sprintf("waited, as the plan does for %s", s.Hub.Plan.At), "")
	}
	if err := r.hub.board.At(ctx, true, s.Hub.Names...); err != nil {
		return err
	}
	if s.Index == 0 {
		start := time.Now()
		if err := r.patiently(ctx, func(ctx context.Context) error { return r.hub.driver.Change(ctx, r.plan.Hub.state) }); err != nil {
			return err
		}
		r.step(start, "", "the hub has its new state", "")
	}
	for _, h := range s.Hub.Happens {
		start := time.Now()
		err := r.patiently(ctx, func(ctx context.Context) error { return r.cause(ctx, h) })
		r.step(start, "", "hub: "+h.Text, message(err))
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rehearsal) cause(ctx context.Context, h Happening) error {
	if h.Apply != nil {
		return r.hub.driver.Change(ctx, added(r.plan.Hub.state, h.Apply))
	}
	return r.hub.driver.Event(ctx, h.Event)
}

// patiently does something to a hub that may not answer for a while.
func (r *rehearsal) patiently(ctx context.Context, do func(context.Context) error) error {
	deadline := time.Now().Add(r.patience())
	for {
		err := do(ctx)
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		pause(ctx, 250*time.Millisecond)
	}
}

// carry brings a member from what it holds to a state of the plan, within the patience.
func (r *rehearsal) carry(ctx context.Context, l *live, stage string, state *placement.State, set *policy.Set) []timeline.Change {
	h := r.holding(l)
	before := h.set
	changes := r.plan.Hub.in.between(l.Member, h.objects, delivered(state))
	out := make([]timeline.Change, len(changes))
	deadline := time.Now().Add(r.patience())
	whole := true
	for i := range changes {
		start := time.Now()
		r.deliver(ctx, l, &changes[i], max(time.Until(deadline), time.Second), stage, state)
		r.step(start, l.Name, fmt.Sprintf("%s %s%s", changes[i].Policy, changes[i].Action, inMode(changes[i].Mode)), changes[i].Error)
		whole = whole && changes[i].Error == ""
		out[i] = changes[i].Change
	}
	if !whole {
		set = r.mixture(l)
	}
	h.set = set
	if len(changes) > 0 && before != nil && set != nil && !r.silent(l) {
		start := time.Now()
		proofs := r.predicted[l.Member].flips(l.Records, before, set)
		err := l.answersBy(ctx, proofs, r.predicted[l.Member], set)
		r.step(start, l.Name, fmt.Sprintf("in force, seen by %d requests whose answer changes", len(proofs)), err)
	}
	return out
}

// deliver makes one change and notes what the member holds then.
func (r *rehearsal) deliver(ctx context.Context, l *live, c *change, patience time.Duration, stage string, state *placement.State) {
	start := time.Now()
	c.Effective = -1
	err := r.hub.driver.Deliver(ctx, l.Name, hub.Change{Object: c.object, Before: c.before}, patience)
	if err == nil && c.object != nil && !r.silent(l) {
		o, parsed := parse(c.object)
		if err = parsed; err == nil && !r.hub.board.Down(scenarios.StopKyverno, l.Name) {
			err = l.client.ready(ctx, o)
		}
	}
	if err != nil {
		c.Error = firstLine(err.Error())
		return
	}
	c.Effective = time.Since(start)
	h := r.holding(l)
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if c.object == nil {
		k := keyOf(c.before)
		h.gone[k] = *c.before
		delete(h.objects, k)
		return
	}
	k := keyOf(c.object)
	delete(h.gone, k)
	h.objects[k], h.came[k] = *c.object, arrivalOf(state, k, stage)
}

func arrivalOf(state *placement.State, k key, stage string) arrival {
	if state != nil {
		for _, d := range state.Delivered {
			if keyOf(&d.Object) == k {
				return arrival{fmt.Sprintf("%s %d", d.Placement, d.Index), stage, d.Stale}
			}
		}
	}
	return arrival{stage: stage}
}

func (r *rehearsal) holding(l *live) *holding {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	return r.hub.held[l.Name]
}

// mixture is the set of the plan that a member holds after a stage did not reach it whole;
// nil when no stage has it, so that nothing is predicted of it.
func (r *rehearsal) mixture(l *live) *policy.Set {
	h := r.holding(l)
	var objects []policy.Object
	for _, k := range keys(h.objects) {
		objects = append(objects, h.objects[k])
	}
	now := fromParts(l.Name, r.plan.Hub.local[l.Member], objects)
	for _, set := range r.plan.setsOf(l.Member) {
		if sideOf(set) == sideOf(now) {
			return set
		}
	}
	return nil
}

// look compares what a member holds with the plan.
func (r *rehearsal) look(ctx context.Context, l *live, stage string, state *placement.State) {
	if l.dead != "" || r.silent(l) || state == nil {
		return
	}
	h := r.holding(l)
	var gone []policy.Object
	planned := delivered(state)
	for _, k := range keys(h.gone, h.objects) {
		if _, is := planned[k]; is {
			continue
		}
		o, was := h.gone[k]
		if !was {
			o = h.objects[k]
		}
		gone = append(gone, o)
	}
	n, differences := hub.Compare(ctx, r.hub.members[l.Name], state, gone)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line.Hub.Compared += n
	r.line.Hub.Agreed += n - len(differences)
	for _, d := range differences {
		d.Stage = stage
		r.line.Hub.Differences = append(r.line.Hub.Differences, d)
	}
}

// catchUp brings members that something kept from a stage to where the rollout is.
func (r *rehearsal) catchUp(ctx context.Context, s *Stage) error {
	return r.each(ctx, r.members, func(ctx context.Context, l *live) error {
		if r.cutOff(l) {
			return nil
		}
		for _, c := range r.carry(ctx, l, s.Name, s.Hub.held[l.Name], l.Sets[s.Index+1]) {
			if c.Error != "" {
				r.step(time.Now(), l.Name, "did not catch up", c.Error)
			}
		}
		return nil
	})
}

// cutOff says whether a fault keeps a member from getting anything.
func (r *rehearsal) cutOff(l *live) bool {
	for _, what := range scenarios.Stops {
		place := l.Name
		if what == scenarios.StopHub {
			place = ""
		}
		if r.hub.board.Down(what, place) {
			return true
		}
	}
	return false
}

// leave does what comes after a stage's gate: faults that last until it end, others begin.
func (r *rehearsal) leave(ctx context.Context, s *Stage, passed bool) error {
	r.hub.reached = s.Index + 1
	if r.hub.runs == nil && r.behind(s) {
		r.hub.stuck = s.Hub.Plan.Run
	}
	if err := r.hub.board.After(ctx, s.Hub.Names...); err != nil {
		return err
	}
	if !passed {
		return nil
	}
	if err := r.catchUp(ctx, s); err != nil {
		return err
	}
	if r.lastOf(s) {
		start := time.Now()
		err := r.hub.driver.Finish(ctx, s.Hub.Plan.Run)
		if err != nil {
			r.step(start, "", "run "+s.Hub.Plan.Run, message(err))
		}
	}
	return r.hub.board.At(ctx, false, s.Hub.Names...)
}

// behind says whether a cluster of a stage does not hold what the stage brings.
func (r *rehearsal) behind(s *Stage) bool {
	return slices.ContainsFunc(r.picked(s), func(l *live) bool {
		return len(r.plan.Hub.in.between(l.Member, r.holding(l).objects, delivered(s.Hub.held[l.Name]))) > 0
	})
}

// lastOf says whether a stage is the last of its staged run.
func (r *rehearsal) lastOf(s *Stage) bool {
	run := s.Hub.Plan.Run
	return run != "" && !slices.ContainsFunc(r.plan.Stages[s.Index+1:], func(later *Stage) bool { return later.Hub.Plan.Run == run })
}

// runs are the staged update runs as they stand: as the hub says or, where only the plan
// knows, as it says for as far as the rehearsal came.
func (r *rehearsal) runs(ctx context.Context) ([]timeline.Run, error) {
	live, err := r.hub.driver.Runs(ctx)
	if err != nil || live != nil {
		return live, err
	}
	if r.hub.runs != nil {
		return r.hub.runs, nil
	}
	runs := hub.PlannedRuns(r.plan.Hub.Plan)
	for i := range runs {
		if runs[i].Name == r.hub.stuck {
			runs[i].State, runs[i].Reason, runs[i].Message = "running", "UpdateRunStuck", "a cluster of the stage was not reached"
			continue
		}
		for _, s := range r.plan.Stages[r.hub.reached:] {
			if s.Hub.Plan.Run == runs[i].Name {
				runs[i].State, runs[i].Reason, runs[i].Message = "waiting", "", "the rehearsal ended before "+s.Name
				break
			}
		}
	}
	return runs, nil
}

// closeHub ends what the driver began.
func (r *rehearsal) closeHub(ctx context.Context) error {
	if r.hub == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	r.line.Faults = r.hub.board.Happened()
	err := r.hub.driver.Close(ctx)
	if err != nil && strings.Contains(err.Error(), cluster.ErrNotFound.Error()) {
		return nil
	}
	return errors.Join(err)
}
