package placement

import (
	"fmt"
	"slices"
	"strings"
)

// happen lets an event happen and everything that follows from it. An event after which
// nothing moves leaves a note that says why.
func (w *world) happen(e Event) {
	first := len(w.stages)
	note := w.react(e)
	if len(w.dirty) > 0 || note != "" {
		w.refresh()
	}
	w.settle()
	w.deliverLater()
	for i := first; i < len(w.stages); i++ {
		if i == first {
			w.stages[i].Name = strings.TrimSuffix("event: "+e.Text+": "+w.stages[i].Name, ": ")
		}
	}
	if len(w.stages) == first || len(w.stages[first].Clusters) == 0 {
		w.noteEvent(e, first, note)
	}
}

// noteEvent puts down an event by which no member changes.
func (w *world) noteEvent(e Event, first int, note string) {
	if len(w.stages) > first {
		return // a stage without clusters tells what happened
	}
	if note == "" {
		note = "nothing moves"
	}
	w.record(Stage{Name: "event: " + e.Text, Note: note}, nil)
}

// react changes the world and tells what KubeFleet makes of it.
func (w *world) react(e Event) string {
	switch {
	case e.Subject == "hub" && e.Verb == "down":
		w.down = true
		return "the hub cannot be reached: later changes do not arrive, members keep enforcing what they have"
	case e.Subject == "hub" && e.Verb == "up":
		w.down = false
		return "the hub is back: what waited goes on"
	case e.Verb == "approve":
		return w.approve(e)
	case e.Verb == "stop" || e.Verb == "resume":
		return w.setRunState(e)
	}
	return w.memberEvent(e)
}

// approve approves what a run's stage waits for: before it or after it.
func (w *world) approve(e Event) string {
	r := w.findRun(e.Subject)
	if r == nil || len(e.Args) == 0 {
		return "no such run"
	}
	stage := e.Args[0]
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

func (w *world) setRunState(e Event) string {
	r := w.findRun(e.Subject)
	switch {
	case r == nil:
		return "no such run"
	case r.ended:
		return "the run has ended: a later change of its state is ignored"
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
