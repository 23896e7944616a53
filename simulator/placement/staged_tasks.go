package placement

import (
	"fmt"
	"time"
)

// before tells whether a stage may begin: its approval is there.
func (w *world) before(r *runState, s *runStage) bool {
	if s.begun {
		return true
	}
	for _, task := range s.BeforeStageTasks {
		if task.Type == taskApproval && !w.isApproved(r, fmt.Sprintf("%s-before-%s", r.Name, s.Name)) {
			r.wait("before-stage", s)
			return false
		}
	}
	s.begun = true
	return true
}

// after tells whether the tasks after a stage are done. They run in parallel; a wait
// counts from the moment at which the stage's last cluster was done.
func (w *world) after(r *runState, s *runStage) bool {
	if !s.updated {
		s.updated = true
		for _, task := range s.AfterStageTasks {
			if task.Type == taskTimedWait {
				s.waitEnd = w.now + task.duration()
			}
		}
	}
	if w.now < s.waitEnd {
		r.wait("after-stage", s)
		r.waiting = (s.waitEnd - w.now).String()
		r.due = s.waitEnd
		return false
	}
	for _, task := range s.AfterStageTasks {
		if task.Type == taskApproval && !w.isApproved(r, fmt.Sprintf("%s-after-%s", r.Name, s.Name)) {
			r.wait("after-stage", s)
			return false
		}
	}
	return true
}

func (r *runState) wait(when string, s *runStage) {
	r.condition = Condition{Status: "False", Reason: "UpdateRunWaiting", Message: fmt.Sprintf("The updateRun is waiting for %s tasks in stage %s to complete", when, s.Name)}
}

// isApproved looks for an approval; without one the run waits for it.
func (w *world) isApproved(r *runState, name string) bool {
	if w.approved[approvalKey(r.Namespace, name)] {
		return true
	}
	r.waiting = "approval " + name
	return false
}

func approvalKey(namespace, name string) string { return namespace + "/" + name }

func (t stageTask) duration() time.Duration {
	d, err := time.ParseDuration(t.WaitTime)
	if err != nil {
		return 0
	}
	return d
}

// checkTasks are the faults of a stage's tasks for which a run is not initialized.
func (s stageSpec) checkTasks() (when, fault string) {
	if len(s.BeforeStageTasks) > 1 {
		return "before", "beforeStageTasks can have at most one task"
	}
	for i, t := range s.BeforeStageTasks {
		if t.Type != taskApproval {
			return "before", fmt.Sprintf("task %d of type %s is not allowed in beforeStageTasks, allowed type: Approval", i, t.Type)
		}
		if t.WaitTime != "" {
			return "before", fmt.Sprintf("task %d of type Approval cannot have wait duration set", i)
		}
	}
	if a := s.AfterStageTasks; len(a) == 2 && a[0].Type == a[1].Type {
		return "after", "afterStageTasks cannot have two tasks of the same type: " + a[0].Type
	}
	for i, t := range s.AfterStageTasks {
		if t.Type != taskTimedWait {
			continue
		}
		if t.WaitTime == "" {
			return "after", fmt.Sprintf("task %d of type TimedWait has wait duration set to nil", i)
		}
		if t.duration() <= 0 {
			return "after", fmt.Sprintf("task %d of type TimedWait has wait duration <= 0", i)
		}
	}
	return "", ""
}
