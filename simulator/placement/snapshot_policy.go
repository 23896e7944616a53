package placement

import "fmt"

// A policySnapshot is a revision of a placement's scheduling policy.
type policySnapshot struct {
	index int // -1: none was made so far
	hash  string
	count int // numberOfClusters; it may change within a revision
}

// observe takes the policy of a placement's new state. A change of the number of clusters
// alone keeps the revision; anything else makes a new one, also what was there before.
func (s *policySnapshot) observe(policy *schedulingPolicy) {
	hash, count := hashPolicy(policy)
	if s.index < 0 || s.hash != hash {
		s.index++
	}
	s.hash, s.count = hash, count
}

// changes tells whether the scheduler has to look because of the policy.
func (s *policySnapshot) changes(policy *schedulingPolicy) bool {
	hash, count := hashPolicy(policy)
	return s.hash != hash || s.count != count
}

// hashPolicy digests a policy but for the number of clusters, which comes by itself.
func hashPolicy(policy *schedulingPolicy) (hash string, count int) {
	plain := schedulingPolicy{}
	if policy != nil {
		plain = *policy
	}
	if plain.PlacementType == "" {
		plain.PlacementType = PickAll // as the defaulter writes it
	}
	if plain.NumberOfClusters != nil {
		count = *plain.NumberOfClusters
	}
	plain.NumberOfClusters = nil
	return hashOf(plain), count
}

func policySnapshotName(placement string, index int) string {
	return fmt.Sprintf("%s-%d", placement, index)
}
