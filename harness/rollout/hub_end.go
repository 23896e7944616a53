package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/policy"
)

// inForce is the set by which a cluster answers after a stage; nil when it is none that was
// foreseen.
func (r *rehearsal) inForce(l *live, s *Stage) *policy.Set {
	if s.Hub == nil {
		return l.Sets[s.Index+1]
	}
	return r.holding(l).set
}

// ended is the set that a cluster ended with.
func (r *rehearsal) ended(l *live) *policy.Set {
	if r.hub == nil {
		return l.Sets[r.reached(l)]
	}
	if set := r.holding(l).set; set != nil {
		return set
	}
	var objects []policy.Object
	for _, o := range r.holds(l) {
		objects = append(objects, o)
	}
	return policy.FromObjects(l.Name, objects)
}

// holds are the policies that a cluster ended with, by name.
func (r *rehearsal) holds(l *live) map[key]policy.Object {
	if r.hub == nil {
		return byKey(l.Sets[r.reached(l)])
	}
	out := map[key]policy.Object{}
	for k, o := range r.plan.Hub.local[l.Member] {
		out[k] = o
	}
	for k, o := range r.holding(l).objects {
		if policy.IsPolicyKind(o.APIVersion, o.Kind) {
			out[k] = o
		}
	}
	return out
}

// hubs says whether the hub brings an object to the member before the rollout.
func (r *rehearsal) hubs(l *live, o *policy.Object) bool {
	_, ok := delivered(r.plan.Hub.initial[l.Name])[keyOf(o)]
	return ok
}

// runEnds checks at the last stage that the plan lets every new staged run succeed: one that
// is stuck or has failed leaves the fleet half rolled out, whatever the gates say.
func (r *rehearsal) runEnds(s *Stage, add func(what, found, allowed string, ok bool, note string)) {
	if s.Index < len(r.plan.Stages)-1 {
		return
	}
	h := r.plan.Hub
	for _, run := range hub.PlannedRuns(h.Plan) {
		old := slices.ContainsFunc(h.Before, func(o policy.Object) bool { return runName(&o) == run.Name })
		if !old {
			add(fmt.Sprintf("staged update run %s, by the plan", run.Name), run.State, "succeeded", run.State == "succeeded", firstLine(run.Message))
		}
	}
}

// scheduling compares what the hub's scheduler decided, and why, with the plan that the
// rehearsal followed to its end: that of the rollout or of the way back.
func (r *rehearsal) scheduling(ctx context.Context) {
	plan := r.hub.took
	if plan == nil && r.hub.reached == len(r.plan.Stages) {
		plan = r.plan.Hub.Plan
	}
	if plan == nil || r.hub.board.Down(scenarios.StopHub, "") {
		return
	}
	var clusters []string
	for _, m := range r.plan.Members {
		clusters = append(clusters, m.Name)
	}
	start := time.Now()
	n, differences, err := hub.AwaitScheduling(ctx, r.hub.driver, plan, clusters)
	if n == 0 && err == nil {
		return
	}
	r.step(start, "", fmt.Sprintf("%d scheduling decisions compared with the plan", n), message(err))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.differ("at the end", n, differences)
}

// differ counts what was compared with the plan. r.mu is held.
func (r *rehearsal) differ(stage string, compared int, differences []timeline.Difference) {
	h := r.line.Hub
	h.Compared, h.Agreed = h.Compared+compared, h.Agreed+compared-len(differences)
	for _, d := range differences {
		d.Stage = stage
		h.Differences = append(h.Differences, d)
	}
}
