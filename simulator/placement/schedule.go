package placement

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// schedule runs KubeFleet's scheduler for a placement until it has nothing more to pick.
//
// policyIndex is that of the latest scheduling policy snapshot: bindings of an older one
// are judged anew, those of this one are left alone. members is the whole fleet, bindings
// the placement's, unscheduled ones included; neither is changed. The bindings that result
// come by cluster. There is a decision for every member, and for every name that the policy
// asks for and the fleet has not.
//
// The error is one that makes KubeFleet's cycle fail, which it repeats: nothing is picked then.
func schedule(p *placement, policyIndex int, members []*Member, bindings []*binding, at time.Time) ([]*binding, []Decision, Condition, error) {
	r := newRound(p, policyIndex, members, bindings, at)
	r.failed = r.run()
	if r.failed != nil {
		r.condition = pending
	}
	fresh := r // what would be picked today
	if len(bindings) > 0 && r.failed == nil {
		fresh = newRound(p, policyIndex, members, nil, at)
		if fresh.run() != nil {
			fresh = r
		}
	}
	return r.bindings, r.decisions(fresh), r.condition, r.failed
}

// pending is the condition of a placement that the scheduler has not answered.
var pending = Condition{Status: "Unknown", Reason: "SchedulePending", Message: NotScheduledYet}

// NotScheduledYet is the message of a placement that nothing is wrong with so far. A
// scheduler that fails leaves the same reason, SchedulePending, and tries for ever.
const NotScheduledYet = "Scheduling has not completed"

// round is the state of scheduling one placement.
type round struct {
	p       *placement
	policy  *schedulingPolicy
	index   int
	members []*Member // by name
	at      time.Time

	given     []*binding // as they were
	bindings  []*binding // by cluster
	holding   map[string]*binding
	selectors selectors
	condition Condition
	failed    error
	// reasons say of clusters that are not selected why; KubeFleet's text.
	reasons map[string]Decision
}

func newRound(p *placement, index int, members []*Member, bindings []*binding, at time.Time) *round {
	r := &round{p: p, policy: p.spec.Policy, index: index, at: at, reasons: map[string]Decision{}, holding: map[string]*binding{}, selectors: selectors{}}
	if r.policy == nil {
		r.policy = &schedulingPolicy{PlacementType: PickAll}
	}
	r.members = slices.SortedFunc(slices.Values(members), func(a, b *Member) int { return cmp.Compare(a.Name, b.Name) })
	for _, b := range bindings {
		was, is := *b, *b
		r.given = append(r.given, &was)
		r.bindings = append(r.bindings, &is)
		r.holding[is.Cluster] = &is
	}
	byCluster(r.given)
	byCluster(r.bindings)
	return r
}

func byCluster(bindings []*binding) {
	slices.SortStableFunc(bindings, func(a, b *binding) int { return cmp.Compare(a.Cluster, b.Cluster) })
}

func (r *round) run() error {
	r.dropDangling()
	var err error
	switch r.p.placementType() {
	case PickFixed:
		r.pickFixed()
	case PickN:
		err = r.pickN()
	default:
		err = r.pickAll()
	}
	byCluster(r.bindings)
	return err
}

// dropDangling unschedules what is on clusters that are gone or going.
func (r *round) dropDangling() {
	for _, b := range r.bindings {
		if m := r.member(b.Cluster); b.State != unscheduled && (m == nil || m.Leaving) {
			b.unschedule()
		}
	}
}

func (b *binding) unschedule() { b.Previous, b.State = b.State, unscheduled }

func (r *round) member(name string) *Member {
	i, ok := slices.BinarySearchFunc(r.members, name, func(m *Member, name string) int { return cmp.Compare(m.Name, name) })
	if !ok {
		return nil
	}
	return r.members[i]
}

// The classes of bindings that are neither dangling nor unscheduled.
func (r *round) obsolete() []*binding {
	return r.those(func(b *binding) bool { return b.State != unscheduled && b.PolicyIndex != r.index })
}

func (r *round) current() []*binding {
	return r.those(func(b *binding) bool { return b.State != unscheduled && b.PolicyIndex == r.index })
}

func (r *round) those(test func(*binding) bool) []*binding {
	var out []*binding
	for _, b := range r.bindings {
		if test(b) {
			out = append(out, b)
		}
	}
	return out
}

func (r *round) on(cluster string) *binding { return r.holding[cluster] }

// bind gives a picked cluster its binding: a new one, or the one that is there with the
// state that it had.
func (r *round) bind(cluster string, score *score) {
	b := r.on(cluster)
	switch {
	case b == nil:
		b = &binding{Cluster: cluster, State: scheduled}
		r.bindings = append(r.bindings, b)
		r.holding[cluster] = b
	case b.State == unscheduled:
		b.State, b.Previous = b.Previous, ""
		if b.State == "" {
			b.State = scheduled
		}
	}
	b.PolicyIndex, b.scored, b.AffinityScore, b.SpreadScore = r.index, score != nil, 0, 0
	if score != nil {
		b.AffinityScore, b.SpreadScore = score.affinity, score.spread
	}
}

func (r *round) pickAll() error {
	passed, err := r.filter(r.held())
	if err != nil {
		return err
	}
	picked := map[string]bool{}
	for _, m := range passed {
		picked[m.Name] = true
	}
	for _, b := range r.obsolete() {
		if !picked[b.Cluster] {
			b.unschedule()
		}
	}
	for _, m := range passed {
		r.bind(m.Name, &score{})
	}
	r.fulfilled(len(r.current()), len(r.current()))
	return nil
}

// held are the clusters that have a binding of the current policy.
func (r *round) held() map[string]bool {
	out := map[string]bool{}
	for _, b := range r.current() {
		out[b.Cluster] = true
	}
	return out
}

// fulfilled sets the condition of a policy that got some of the clusters that it wants.
func (r *round) fulfilled(found, wanted int) {
	if found < wanted {
		r.condition = Condition{"False", "SchedulingPolicyUnfulfilled", fmt.Sprintf("could not find all clusters needed as specified by the scheduling policy, found %d cluster(s) instead", found)}
		return
	}
	r.condition = Condition{"True", "SchedulingPolicyFulfilled", fmt.Sprintf("found all cluster needed as specified by the scheduling policy, found %d cluster(s)", found)}
}
