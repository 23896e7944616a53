package placement

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A runState is a staged update run with its status.
type runState struct {
	*run
	p          *placed // nil: the placement is not there
	generation int     // the change of the hub with which it came
	condition  Condition
	ended      bool // Succeeded is True or False, or the initialization failed: nothing moves any more
	prepared   bool // initialized

	index     int // of the resource snapshot that it ships
	policy    int // index of the policy snapshot
	count     int // clusters that the policy asks for
	apply     applyStrategy
	stages    []*runStage
	deletes   []string
	overrides map[string][]overrideSnapshot // frozen at initialization, by cluster

	stage   int // that is under way; len(stages) is the delete stage
	waiting string
	assumed []string // approvals that nobody has given, and that the plan takes as given
	needs   []string // of the next stage that is recorded
	due     time.Duration
	stuck   bool
	moved   bool // it has moved a cluster
}

// A runStage is a stage as the run has frozen it.
type runStage struct {
	stageSpec
	clusters []string        // in the order of their updates
	done     map[string]bool // updated
	inFlight map[string]bool // started and not done
	begun    bool            // the task before it is done
	updated  bool            // all clusters are done; the tasks after it began
	waitEnd  time.Duration
}

const (
	aborted  = "cannot continue the updateRun"
	invalid  = aborted + ": failed to validate the updateRun"
	deleting = "kubernetes-fleet.io/deleteStage"
)

func (r *runState) object() string { return r.kind + "/" + r.key() }
func (r *runState) key() string {
	return strings.TrimPrefix(r.Namespace+"/"+r.Name, "/")
}

// advance is the controller's look at a run: it is initialized once, validated every time,
// and goes as far as it can.
func (w *world) advance(r *runState) {
	r.due, r.stuck, r.waiting = never, false, ""
	if r.ended {
		return
	}
	if !r.prepared {
		if reason := w.initialize(r); reason != "" {
			r.ended = true
			r.condition = Condition{Status: "False", Reason: "UpdateRunInitializedFailed", Message: reason}
			w.noteRun(r, reason)
			return
		}
		r.prepared = true
		r.condition = Condition{Status: "True", Reason: "UpdateRunInitializedSuccessfully", Message: "The UpdateRun initialized successfully"}
	} else if reason := w.validate(r); reason != "" {
		w.fail(r, reason)
		return
	}
	w.meet(r)
	switch r.spec.State {
	case "Run":
		w.execute(r)
	case stateStop:
		w.stop(r)
	}
}

// fail ends a run for good. What it has shipped so far stays.
func (w *world) fail(r *runState, reason string) {
	r.ended = true
	r.condition = Condition{Status: "False", Reason: "UpdateRunFailed", Message: reason}
	w.noteRun(r, reason)
}

func (w *world) noteRun(r *runState, note string) {
	w.record(Stage{Name: r.key() + " fails", Placement: r.placementKey(), Run: r.key(), Note: note}, nil)
}

func (r *runState) placementKey() string {
	return strings.TrimPrefix(r.Namespace+"/"+r.spec.PlacementName, "/")
}

// execute walks the stages until something has to be waited for.
func (w *world) execute(r *runState) {
	r.condition = Condition{Status: "True", Reason: "UpdateRunProgressing", Message: "The update run is making progress"}
	for r.stage < len(r.stages) {
		s := r.stages[r.stage]
		if len(s.clusters) == 0 && w.release == Main {
			w.record(Stage{Name: r.stageName(s), Placement: r.placementKey(), Run: r.key(), Note: "StageUpdatingSkippedNoClusters: Stage skipped because it has no clusters"}, nil)
			r.stage++
			continue
		}
		if !w.before(r, s) || !w.update(r, s) || !w.after(r, s) {
			return
		}
		r.stage++
	}
	w.deleteStage(r)
	r.ended = true
	r.condition = Condition{Status: "True", Reason: "UpdateRunSucceeded", Message: "All stages are completed successfully"}
}

func (r *runState) stageName(s *runStage) string {
	return fmt.Sprintf("stage %s of %s", s.Name, r.key())
}

// stop keeps a run from starting clusters; those in flight are left to finish.
func (w *world) stop(r *runState) {
	r.condition = Condition{Status: "False", Reason: "UpdateRunStopped", Message: "The update run has been stopped"}
	if r.stage >= len(r.stages) {
		return
	}
	s := r.stages[r.stage]
	s.waitEnd = 0 // a wait begins anew when the run goes on
	s.updated = false
	for cluster := range s.inFlight {
		if d := r.p.deliveries[cluster]; d.ready(never) {
			s.done[cluster] = true
			delete(s.inFlight, cluster)
		}
	}
}

// outcome is what a plan says of the run.
func (r *runState) outcome() RunOutcome {
	out := RunOutcome{Name: r.key(), Index: -1, Condition: r.condition, Waiting: r.waiting}
	if r.prepared {
		out.Index = r.index
	}
	out.Assumed = slices.Clone(r.assumed)
	return out
}
