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
func (s *policySnapshot) observe(policy *schedulingPolicy) (isNew bool) {
	plain := schedulingPolicy{}
	if policy != nil {
		plain = *policy
	}
	if plain.PlacementType == "" {
		plain.PlacementType = PickAll // as the defaulter writes it
	}
	s.count = 0
	if plain.NumberOfClusters != nil {
		s.count = *plain.NumberOfClusters
	}
	plain.NumberOfClusters = nil
	hash := hashOf(plain)
	if s.index >= 0 && s.hash == hash {
		return false
	}
	s.index++
	s.hash = hash
	return true
}

func policySnapshotName(placement string, index int) string {
	return fmt.Sprintf("%s-%d", placement, index)
}
