package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// score ranks a cluster among those that a PickN placement may take.
type score struct {
	cluster  string
	spread   int
	affinity int
	obsolete int // 1: the cluster has a binding of an older policy
}

// better sorts scores: the best first. Of equal clusters the larger name is better.
func (s *score) better(other *score) int {
	return -cmp.Or(cmp.Compare(s.spread, other.spread), cmp.Compare(s.affinity, other.affinity), cmp.Compare(s.obsolete, other.obsolete), cmp.Compare(s.cluster, other.cluster))
}

func (r *round) pickN() error {
	if r.policy.NumberOfClusters == nil {
		return fmt.Errorf("cannot find annotation kubernetes-fleet.io/number-of-clusters")
	}
	wanted := *r.policy.NumberOfClusters
	if r.downscale(wanted) {
		return nil
	}
	for {
		again, err := r.batch(wanted)
		if err != nil {
			return err
		}
		if !again {
			r.fulfilled(len(r.current()), wanted)
			return nil
		}
	}
}

// downscale drops what is too much, and what an older policy picked. It tells whether
// there was anything to drop: nothing is picked in such a cycle.
func (r *round) downscale(wanted int) bool {
	present, obsolete := r.current(), r.obsolete()
	surplus := len(present) - wanted
	if surplus < 0 || surplus+len(obsolete) == 0 {
		return false
	}
	for _, b := range obsolete {
		b.unschedule()
	}
	slices.SortStableFunc(present, worse)
	for _, b := range present[:surplus] {
		b.unschedule()
		r.reasons[b.Cluster] = Decision{AffinityScore: b.AffinityScore, SpreadScore: b.SpreadScore, Reason: fmt.Sprintf("dropped: the placement needs no more than %d cluster(s)", wanted)}
	}
	r.fulfilled(len(present)-surplus, wanted)
	return true
}

// worse sorts bindings: those that go first come first. Bindings that were only scheduled
// go before bound ones, unscored ones before scored, and of equals the smaller name.
func worse(a, b *binding) int {
	return cmp.Or(
		cmp.Compare(rank(a.State == bound), rank(b.State == bound)),
		cmp.Compare(rank(a.scored), rank(b.scored)),
		cmp.Compare(a.SpreadScore, b.SpreadScore),
		cmp.Compare(a.AffinityScore, b.AffinityScore),
		cmp.Compare(a.Cluster, b.Cluster),
	)
}

func rank(late bool) int {
	if late {
		return 1
	}
	return 0
}

// batch is one cycle that picks clusters: all that are missing, or a single one where the
// policy spreads over topologies. It tells whether another cycle follows.
func (r *round) batch(wanted int) (again bool, err error) {
	present := r.current()
	desired := wanted - len(present)
	if desired <= 0 {
		return false, nil
	}
	limit := desired
	if len(r.policy.TopologySpreadConstraints) > 0 {
		limit = 1
	}
	scores, err := r.rank()
	if err != nil {
		return false, err
	}
	n := min(limit, len(scores))
	picked := map[string]bool{}
	for _, s := range scores[:n] {
		picked[s.cluster] = true
	}
	for _, b := range r.obsolete() {
		if !picked[b.Cluster] {
			b.unschedule()
		}
	}
	for _, s := range scores[:n] {
		r.bind(s.cluster, s)
		delete(r.reasons, s.cluster)
	}
	for _, s := range scores[n:] {
		r.reasons[s.cluster] = Decision{AffinityScore: s.affinity, SpreadScore: s.spread, Reason: fmt.Sprintf("Cluster %q does not score high enough (affinity score: %d, topology spread score: %d)", s.cluster, s.affinity, s.spread)}
	}
	return desired > limit && n == limit, nil
}

// rank returns the clusters that may be picked, the best first.
func (r *round) rank() ([]*score, error) {
	held := r.held()
	passed, err := r.filter(held)
	if err != nil {
		return nil, err
	}
	spread := r.spread(held)
	preferred, err := r.policy.preferences(r.members)
	if err != nil {
		return nil, err
	}
	obsolete := map[string]int{}
	for _, b := range r.obsolete() {
		obsolete[b.Cluster] = 1
	}
	var out []*score
	for _, m := range passed {
		affinity, err := preferred.score(m, r.selectors)
		if err != nil {
			return nil, err
		}
		out = append(out, &score{cluster: m.Name, spread: spread.scores[m.Name], affinity: affinity, obsolete: obsolete[m.Name]})
	}
	slices.SortFunc(out, (*score).better)
	return out, nil
}
