package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/faults"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// hubWalk goes through the plan as the rehearsal will, and asks for another where a fault
// changes what the hub or the fleet is.
type hubWalk struct {
	*Plan
	in      Input
	states  map[string]*placement.State // as the last stage left them
	log     []placement.Event           // everything that happened so far
	ahead   []placement.Stage
	last    []string // names of the stage before
	at      time.Duration
	happens []Happening // before the next stage
	due     []Happening // timed events that are still to come, in the order of time
	done    map[int]bool
	names   []string // of all stages that were ever ahead
}

func (w *hubWalk) walk(ctx context.Context) error {
	h := w.Hub
	h.state, w.done = slices.Clone(h.After), map[int]bool{}
	if err := w.applyFirst(ctx); err != nil {
		return err
	}
	if err := w.timed(); err != nil {
		return err
	}
	plan, err := h.question(ctx, h.state, w.log)
	if err != nil {
		return err
	}
	w.plan(plan, 1)
	w.begin(plan.Stages[0].States)
	for {
		if again, err := w.interrupt(ctx); err != nil {
			return err
		} else if again {
			continue
		}
		if len(w.ahead) == 0 {
			break
		}
		s := w.ahead[0]
		w.ahead = w.ahead[1:]
		if err := w.stage(ctx, s); err != nil {
			return err
		}
	}
	return w.end()
}

// plan takes a plan whose stages from an index on are ahead.
func (w *hubWalk) plan(p *placement.Plan, from int) {
	w.Hub.Plan, w.ahead = p, p.Stages[from:]
	for i := range w.ahead {
		w.names = append(w.names, shortName(&w.ahead[i]), w.ahead[i].Name)
	}
}

// begin gives every member what it has before the rollout: its own policies, and what the
// hub has placed so far.
func (w *hubWalk) begin(states map[string]*placement.State) {
	w.states, w.Hub.initial = states, states
	for _, m := range w.Members {
		w.Hub.local[m] = byKey(m.Sets[0])
		m.Sets[0] = w.setOf(m, states[m.Name])
	}
}

// setOf is what a member has with a state of what the hub places. What the hub has ever
// placed is no longer the member's own: it goes when the hub takes it away.
func (w *hubWalk) setOf(m *Member, state *placement.State) *policy.Set {
	var delivered []policy.Object
	if state != nil {
		set := state.Set(m.Name)
		for k, o := range byKey(set) {
			if own, ok := w.Hub.local[m][k]; ok {
				if !w.in.Equal(own, o) {
					w.note(fmt.Sprintf("%s: the installed %s is not what the hub places; the hub's replaces it", m.Name, k))
				}
				delete(w.Hub.local[m], k)
			}
		}
		delivered = append(set.Objects, set.Others...)
	}
	return fromParts(m.Name, w.Hub.local[m], delivered)
}

// fromParts is a member's own policies and what was brought to it as one set.
func fromParts(name string, local map[key]policy.Object, delivered []policy.Object) *policy.Set {
	var objects, others []policy.Object
	for _, k := range keys(local) {
		objects = append(objects, local[k])
	}
	for _, o := range delivered {
		if policy.IsPolicyKind(o.APIVersion, o.Kind) {
			objects = append(objects, o)
		} else {
			others = append(others, o)
		}
	}
	set := policy.FromObjects(name, objects)
	set.Others = others
	return set
}

func (w *hubWalk) note(text string) {
	if !slices.Contains(w.Hub.Notes, text) {
		w.Hub.Notes = append(w.Hub.Notes, text)
	}
}

// stage adds a stage of the plan to those of the rehearsal.
func (w *hubWalk) stage(ctx context.Context, s placement.Stage) error {
	w.come(&s)
	if slices.ContainsFunc(s.Needs, func(n string) bool { return !strings.HasPrefix(n, "approval ") }) {
		w.note(fmt.Sprintf("not rehearsed: %s on %s, which waits for %s", s.Name, strings.Join(s.Clusters, ", "), strings.Join(s.Needs, ", ")))
		return nil
	}
	for _, need := range s.Needs {
		e, err := approval(need, s.Run)
		if err != nil {
			return err
		}
		w.happens, w.log = append(w.happens, Happening{Event: e}), append(w.log, e)
	}
	spec := w.Hub.spec
	short := shortName(&s)
	hs := &HubStage{Names: []string{short, s.Name}, Plan: s, Happens: w.happens, held: s.States}
	if spec.Compress > 0 {
		hs.Wait = time.Duration(float64(max(s.At-w.at, 0)) / spec.Compress)
	}
	st := &Stage{Index: len(w.Stages), Hub: hs, Changes: map[string][]change{}, Stage: scenarios.Stage{
		Name: w.unused(s.Name), Mode: asPlaced, Soak: spec.Soak, Gate: spec.GateOf(hs.Names...),
	}}
	if s.Note != "" {
		st.Notes = []string{s.Note}
	}
	for _, m := range w.Members {
		changes := w.in.delivery(m, w.states[m.Name], s.States[m.Name])
		set := m.Sets[len(m.Sets)-1]
		if len(changes) > 0 {
			set = w.setOf(m, s.States[m.Name])
			st.Picked, st.Changes[m.Name] = append(st.Picked, m), changes
		}
		m.Sets = append(m.Sets, set)
	}
	w.Stages = append(w.Stages, st)
	w.states, w.last, w.at, w.happens = s.States, hs.Names, s.At, nil
	if st.Gate.Otherwise == scenarios.RollBack {
		return w.back(ctx, st)
	}
	return nil
}

// asPlaced is the mode of stages whose policies come from a hub.
const asPlaced = "as placed"

// unused is a name that no stage has yet.
func (w *hubWalk) unused(name string) string {
	out := name
	for n := 2; slices.ContainsFunc(w.Stages, func(s *Stage) bool { return s.Name == out }); n++ {
		out = fmt.Sprintf("%s (%d)", name, n)
	}
	return out
}

// approval is the event by which a stage gets the approval that it needs: "approval
// run-1-after-canary" of run-1 is given by "approve run-1/canary".
func approval(need, run string) (placement.Event, error) {
	request := strings.TrimPrefix(need, "approval ")
	name := run[strings.LastIndex(run, "/")+1:]
	for _, when := range []string{"-after-", "-before-"} {
		if stage, ok := strings.CutPrefix(request, name+when); ok {
			return placement.ParseEvent("approve " + run + "/" + stage)
		}
	}
	return placement.Event{}, fmt.Errorf("%q is no approval of %s", need, run)
}

// end looks at what is left once every stage is there.
func (w *hubWalk) end() error {
	for _, s := range w.Stages {
		if len(s.Picked) == 0 && len(s.Notes) == 0 {
			s.Notes = append(s.Notes, "nothing changes on a member of the rehearsal")
		}
	}
	for _, m := range w.Members {
		m.Worst = enforced(m.Sets[len(m.Sets)-1], m.Sets[0])
	}
	for _, x := range w.Hub.Plan.Warnings {
		w.note(strings.TrimPrefix(x.Object+": "+x.Text, ": "))
	}
	slices.Sort(w.names)
	names := slices.Compact(w.names)
	if len(w.Stages) == 0 {
		return fmt.Errorf("%w: the change of the hub moves nothing on the fleet (hint: seatrial plan says why)", scenarios.ErrInvalid)
	}
	for name := range w.Hub.spec.Gates {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w: hub.gates: the rollout has no stage %q (it has %s)", scenarios.ErrInvalid, name, strings.Join(names, ", "))
		}
	}
	return faults.Unmatched(w.Hub.Faults, names)
}

// enforced is a set whose policies that differ from today's are all in Enforce.
func enforced(set, today *policy.Set) *policy.Set {
	now := byKey(today)
	var objects []policy.Object
	for k, o := range byKey(set) {
		if now[k].Digest != o.Digest {
			if strict, ok := policy.InMode(o, policy.Enforce); ok {
				o = strict
			}
		}
		objects = append(objects, o)
	}
	out := policy.FromObjects(set.Source, objects)
	out.Others = set.Others
	return out
}

// applyFirst gives the hub what faults apply before the rollout begins: before any stage is
// known, a name that is not the first stage's is found out later.
func (w *hubWalk) applyFirst(ctx context.Context) error {
	h := w.Hub
	for _, f := range h.Faults {
		if f.Apply == "" || f.Before == "" {
			continue
		}
		extra, err := h.Load(ctx, f.Apply)
		if err != nil {
			return fmt.Errorf("faults[%d].apply: %w", f.Index, err)
		}
		plan, err := h.question(ctx, h.state, nil)
		if err != nil {
			return err
		}
		if first := firstMoving(plan); first != nil && slices.Contains([]string{first.Name, shortName(first)}, f.Before) {
			h.state, w.done[f.Index] = added(h.state, extra), true
		}
	}
	return nil
}

func firstMoving(p *placement.Plan) *placement.Stage {
	if len(p.Stages) < 2 {
		return nil
	}
	return &p.Stages[1]
}

// added is a state with further objects, which replace those of the same name.
func added(state, extra hub.State) hub.State {
	out := slices.DeleteFunc(slices.Clone(state), func(o policy.Object) bool { return extra.Has(&o) })
	return append(out, extra...)
}
