package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/harness/faults"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// interrupt lets the next fault happen that changes the hub or the fleet here, between the
// stage before and the one ahead, and plans anew. again says that there may be more.
func (w *hubWalk) interrupt(ctx context.Context) (again bool, err error) {
	var ahead []string
	if len(w.ahead) > 0 {
		ahead = []string{shortName(&w.ahead[0]), w.ahead[0].Name}
	}
	for i := range w.Hub.Faults {
		f := &w.Hub.Faults[i]
		if f.Stop != "" || w.done[f.Index] || !f.Happens(true, ahead...) && !f.Happens(false, w.last...) {
			continue
		}
		w.done[f.Index] = true
		if err := w.possible(f); err != nil {
			return false, err
		}
		return true, w.happen(ctx, f)
	}
	return false, nil
}

// possible says whether the rollout stands still here: only then something can happen to
// it in a place that is known beforehand.
func (w *hubWalk) possible(f *faults.Fault) error {
	waits := len(w.ahead) == 0 || slices.ContainsFunc(w.ahead[0].Needs, func(n string) bool { return strings.HasPrefix(n, "approval ") })
	if len(w.Stages) > 0 && waits {
		return nil
	}
	return fmt.Errorf("%w: faults[%d]: the rollout does not stand still %s (hint: events happen where a staged run waits for an approval, after the last stage, or at their time: %q)", scenarios.ErrInvalid, f.Index, f.When(), "staging leaves @30m")
}

// timed puts the events that say their time at the beginning of all that happens, in their
// order: the plan meets them in the middle of what is under way.
func (w *hubWalk) timed() error {
	for i := range w.Hub.Faults {
		f := &w.Hub.Faults[i]
		if !f.Timed() {
			continue
		}
		e, err := placement.ParseEvent(w.labelled(f.Event))
		if err != nil {
			return fmt.Errorf("%w: faults[%d].event: %w", scenarios.ErrInvalid, f.Index, err)
		}
		w.log, w.due = append(w.log, e), append(w.due, Happening{Event: e, Fault: f})
	}
	slices.SortStableFunc(w.log, func(a, b placement.Event) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(w.due, func(a, b Happening) int { return cmp.Compare(a.At, b.At) })
	return nil
}

// come lets the timed events happen that the plan has before a stage.
func (w *hubWalk) come(s *placement.Stage) {
	for len(w.due) > 0 && strings.HasPrefix(s.Name, "event: "+w.due[0].Text) {
		w.happens, w.due = append(w.happens, w.due[0]), w.due[1:]
	}
}

// happen plans anew with what the fault does.
func (w *hubWalk) happen(ctx context.Context, f *faults.Fault) error {
	h := w.Hub
	var event placement.Event
	var apply hub.State
	var err error
	if f.Event != "" {
		event, err = placement.ParseEvent(w.labelled(f.Event))
	} else if apply, err = h.Load(ctx, f.Apply); err == nil {
		event, err = w.late(f, apply)
	}
	if err != nil {
		return fmt.Errorf("faults[%d]: %w", f.Index, err)
	}
	w.log = append(w.log, event)
	w.happens = append(w.happens, Happening{Event: event, Apply: apply, Fault: f})
	plan, err := h.question(ctx, h.state, w.log)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(plan.Stages, func(s placement.Stage) bool { return strings.HasPrefix(s.Name, "event: "+event.Text) })
	if at < 0 {
		return fmt.Errorf("faults[%d]: the plan does not know of %q", f.Index, event.Text)
	}
	w.plan(plan, at)
	return nil
}

// labelled gives a member that joins the labels that the fleet has for it, unless the
// event names some.
func (w *hubWalk) labelled(event string) string {
	words := strings.Fields(event)
	if len(words) < 2 || words[1] != "joins" || strings.Contains(event, "=") {
		return event
	}
	m := w.member(words[0])
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		labels = append(labels, k+"="+m.Labels[k])
	}
	return strings.Join(slices.Insert(words, 2, labels...), " ")
}

// late gives the hub a staged update run that begins in the middle of another: for the plan
// it is there from the beginning and starts now. Other objects cannot come late: what they
// would do depends on what the running rollout has already read.
func (w *hubWalk) late(f *faults.Fault, objects hub.State) (placement.Event, error) {
	if len(objects) != 1 || !strings.HasSuffix(objects[0].Kind, "StagedUpdateRun") {
		return placement.Event{}, fmt.Errorf("%w: apply: during a rollout one staged update run can be applied; give other objects before its first stage", scenarios.ErrInvalid)
	}
	run, err := withSpec(objects[0], "", map[string]any{"state": "Initialize"})
	if err != nil {
		return placement.Event{}, err
	}
	w.Hub.state = added(w.Hub.state, hub.State{run})
	return placement.ParseEvent("resume " + runName(&run))
}

// runName is a run's name as events have it.
func runName(o *policy.Object) string { return strings.TrimPrefix(o.Namespace+"/"+o.Name, "/") }

// withSpec is an object with another name, unless that is empty, and with fields of its
// spec set.
func withSpec(o policy.Object, name string, fields map[string]any) (policy.Object, error) {
	var content map[string]any
	if err := utiljson.Unmarshal(o.JSON, &content); err != nil {
		return o, err
	}
	spec, _ := content["spec"].(map[string]any)
	meta, _ := content["metadata"].(map[string]any)
	if spec == nil || meta == nil {
		return o, fmt.Errorf("%s %s has no spec", o.Kind, o.Name)
	}
	for k, v := range fields {
		spec[k] = v
	}
	if name != "" {
		meta["name"], o.Name = name, name
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return o, err
	}
	o.JSON = raw
	return policy.FromObjects("", []policy.Object{o}).Objects[0], nil
}
