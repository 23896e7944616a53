package placement

import (
	"fmt"
	"slices"
)

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
	matches, err := r.policy.requires(m, r.selectors)
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
