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
	fresh := newRound(p, policyIndex, members, nil, at)
	if fresh.run() != nil {
		fresh.bindings = r.bindings // nothing can be said of what would be picked today
	}
	return r.bindings, r.decisions(fresh), r.condition, r.failed
}

// pending is the condition of a placement that the scheduler has not answered.
var pending = Condition{Status: "Unknown", Reason: "SchedulePending", Message: "Scheduling has not completed"}

// round is the state of scheduling one placement.
type round struct {
	p       *placement
	policy  *schedulingPolicy
	index   int
	members []*Member // by name
	at      time.Time

	given     []*binding // as they were
	bindings  []*binding // by cluster
	condition Condition
	failed    error
	// reasons say of clusters that are not selected why; KubeFleet's text.
	reasons map[string]Decision
}

func newRound(p *placement, index int, members []*Member, bindings []*binding, at time.Time) *round {
	r := &round{p: p, policy: p.spec.Policy, index: index, at: at, reasons: map[string]Decision{}}
	if r.policy == nil {
		r.policy = &schedulingPolicy{PlacementType: PickAll}
	}
	r.members = slices.SortedFunc(slices.Values(members), func(a, b *Member) int { return cmp.Compare(a.Name, b.Name) })
	for _, b := range bindings {
		was, is := *b, *b
		r.given = append(r.given, &was)
		r.bindings = append(r.bindings, &is)
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

func (r *round) on(cluster string) *binding {
	i := slices.IndexFunc(r.bindings, func(b *binding) bool { return b.Cluster == cluster })
	if i < 0 {
		return nil
	}
	return r.bindings[i]
}

// bind gives a picked cluster its binding: a new one, or the one that is there with the
// state that it had.
func (r *round) bind(cluster string, score *score) {
	b := r.on(cluster)
	switch {
	case b == nil:
		b = &binding{Cluster: cluster, State: scheduled}
		r.bindings = append(r.bindings, b)
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

func (r *round) pickFixed() {
	if len(r.policy.ClusterNames) == 0 {
		r.condition = pending
		return
	}
	valid := map[string]bool{}
	missing := 0
	for _, name := range r.policy.ClusterNames {
		m := r.member(name)
		switch {
		case m == nil:
			r.reasons[name] = Decision{Reason: fmt.Sprintf("Specified cluster %q is not found", name)}
			missing++
		case m.ineligible(r.at) != "":
			r.reasons[name] = Decision{Reason: fmt.Sprintf("Cluster %q is not eligible for resource placement yet: %s", name, m.ineligible(r.at))}
			missing++
		default:
			valid[name] = true
		}
	}
	for _, b := range r.obsolete() {
		if !valid[b.Cluster] {
			b.unschedule()
		}
	}
	held := r.held()
	for _, name := range r.policy.ClusterNames {
		if valid[name] && !held[name] {
			r.bind(name, nil)
		}
	}
	r.fulfilled(len(valid), len(valid)+missing)
}

// fulfilled sets the condition of a policy that got some of the clusters that it wants.
func (r *round) fulfilled(found, wanted int) {
	if found < wanted {
		r.condition = Condition{"False", "SchedulingPolicyUnfulfilled", fmt.Sprintf("could not find all clusters needed as specified by the scheduling policy, found %d cluster(s) instead", found)}
		return
	}
	r.condition = Condition{"True", "SchedulingPolicyFulfilled", fmt.Sprintf("found all cluster needed as specified by the scheduling policy, found %d cluster(s)", found)}
}

// filter returns the members on which nothing keeps the placement away, and notes the
// reason of the others. Clusters that hold a binding of the current policy are neither.
func (r *round) filter(held map[string]bool) ([]*Member, error) {
	spread := r.spread(held)
	var passed []*Member
	for _, m := range r.members {
		reason, err := r.unfit(m)
		if err != nil {
			return nil, err
		}
		if reason == "" && held[m.Name] {
			continue
		}
		if reason == "" {
			reason = spread.violated[m.Name]
		}
		if reason == "" {
			passed = append(passed, m)
			continue
		}
		r.reasons[m.Name] = Decision{Reason: "ClusterUnschedulable, " + reason}
	}
	return passed, nil
}

// unfit is the first reason that keeps a placement from a member, whatever else it is on.
func (r *round) unfit(m *Member) (string, error) {
	matches, err := r.policy.requires(m)
	if err != nil {
		return "", err
	}
	if !matches {
		return "cluster does not match with any of the required cluster affinity terms", nil
	}
	if reason := m.ineligible(r.at); reason != "" {
		return reason, nil
	}
	if reason := m.lacksNamespace(r.p.Namespace); reason != "" {
		return reason, nil
	}
	for _, t := range m.Taints {
		if !slices.ContainsFunc(r.policy.Tolerations, t.toleratedBy) {
			return fmt.Sprintf("taint %s cannot be tolerated", t), nil
		}
	}
	return "", nil
}

// toleratedBy tells whether a toleration lets the taint pass. Without an operator it never does.
func (t Taint) toleratedBy(by toleration) bool {
	if by.Effect != "" && by.Effect != t.Effect {
		return false
	}
	switch by.Operator {
	case "Exists":
		return by.Key == "" || by.Key == t.Key
	case "Equal":
		return by.Key == t.Key && by.Value == t.Value
	}
	return false
}
