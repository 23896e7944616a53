package placement

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// happen lets an event happen and everything that follows from it until a time. An event
// after which nothing moves leaves a note that says why.
func (w *world) happen(e Event, until time.Duration) error {
	first := len(w.stages)
	note, err := w.react(e)
	if err != nil {
		return err
	}
	w.deliverLater()
	if w.refreshed(note, first) {
		note = ""
	}
	if e.Timed {
		defer w.settleUntil(until) // what was under way goes on, and is not the event's
		until = w.now
	}
	w.settleUntil(until)
	if len(w.stages) == first {
		w.record(Stage{Name: "event: " + e.Text, Note: cmpOr(note, "nothing moves")}, nil)
		return nil
	}
	s := &w.stages[first]
	w.causes[first] = e
	s.Note = strings.Trim(note+"\n"+s.Note, "\n")
	return nil
}

// nameCauses puts events before the names of the stages to which they led.
func (w *world) nameCauses() {
	for i, e := range w.causes {
		w.stages[i].Name = strings.TrimSuffix("event: "+e.Text+": "+w.stages[i].Name, ": ")
	}
}

// refreshed records what the event itself has changed on members.
func (w *world) refreshed(note string, first int) bool {
	if len(w.dirty) == 0 || len(w.stages) > first {
		return false
	}
	before := len(w.stages)
	w.record(Stage{}, nil)
	if len(w.stages) == before {
		return false
	}
	w.stages[before].Note = note
	return true
}

// react changes the world and tells what KubeFleet makes of it.
func (w *world) react(e Event) (string, error) {
	switch {
	case e.Subject == "hub" && e.Verb == "down":
		w.down = true
		return "the hub cannot be reached: later changes do not arrive, members keep enforcing what they have", nil
	case e.Subject == "hub" && e.Verb == "up" && !w.down:
		return "the hub was not down", nil
	case e.Subject == "hub" && e.Verb == "up":
		w.hubIsBack()
		return "the hub is back: what waited goes on", nil
	case e.Verb == "approve" || e.Verb == "stop" || e.Verb == "resume":
		return w.runEvent(e)
	case e.Verb == "kyverno":
		return w.kyvernoEvent(e)
	}
	return w.memberEvent(e)
}

// runEvent approves a stage of a run, stops the run or has it go on.
func (w *world) runEvent(e Event) (string, error) {
	r := w.findRun(e.Subject)
	if r == nil {
		return "", fmt.Errorf("event %q: the hub has no update run %q%s", e.Text, e.Subject, itHas(w.runNames()))
	}
	if e.Verb != "approve" {
		return w.setRunState(r, e), nil
	}
	if known := w.stageNames(r); len(known) > 0 && !slices.Contains(known, e.Args[0]) {
		return "", fmt.Errorf("event %q: %s has no stage %q%s", e.Text, r.object(), e.Args[0], itHas(known))
	}
	return w.approve(r, e.Args[0]), nil
}

// runNames are the names by which events know the runs.
func (w *world) runNames() []string {
	var names []string
	for _, r := range w.runs {
		names = append(names, r.key())
	}
	slices.Sort(names)
	return names
}

// stageNames are the stages of a run, which it has frozen or will take from its strategy.
func (w *world) stageNames(r *runState) []string {
	var names []string
	for _, s := range r.stages {
		names = append(names, s.Name)
	}
	if s := w.strategyOf(r); s != nil && !r.prepared {
		for _, stage := range s.spec.Stages {
			names = append(names, stage.Name)
		}
	}
	return names
}

// itHas is a hint at the names that there are.
func itHas(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}

// approve approves what a run's stage waits for: before it or after it.
func (w *world) approve(r *runState, stage string) string {
	for _, when := range []string{"before", "after"} {
		name := fmt.Sprintf("%s-%s-%s", r.Name, when, stage)
		if r.waiting == "approval "+name {
			w.approved[approvalKey(r.Namespace, name)] = true
			r.due = w.now
			return "ApprovalRequestApproved: " + name
		}
	}
	return fmt.Sprintf("no approval request of stage %s is waiting: it is made when the stage comes to it, and approving before has no effect", stage)
}

func (w *world) setRunState(r *runState, e Event) string {
	if r.ended {
		return "the run has ended: a later change of its state is ignored"
	}
	if e.Verb == "resume" && r.spec.State == "Run" {
		return "the run was not stopped"
	}
	changed := *r.run
	changed.spec.State = map[string]string{"stop": stateStop, "resume": "Run"}[e.Verb]
	if changed.spec.State == stateStop && r.spec.State != "Run" {
		return fmt.Sprintf("refused: the state of a run cannot change from %s to Stop", cmpOr(r.spec.State, stateInitialize))
	}
	r.run = &changed
	r.due = w.now
	if e.Verb == "stop" {
		return "UpdateRunStopped: no further cluster is started, those in flight finish; waits begin anew when the run goes on"
	}
	return "the run goes on"
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (w *world) findRun(name string) *runState {
	i := slices.IndexFunc(w.runs, func(r *runState) bool { return r.key() == name || r.Name == name })
	if i < 0 {
		return nil
	}
	return w.runs[i]
}

// deliverLater does what waited for a member that can be reached again.
func (w *world) deliverLater() {
	if w.down {
		return
	}
	for _, m := range w.members {
		if len(w.later[m.Name]) == 0 || w.unreachable(m) != "" {
			continue
		}
		todo := w.later[m.Name]
		delete(w.later, m.Name)
		for _, do := range todo {
			do()
		}
	}
}
