package placement

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// setDefaults is what KubeFleet's own defaulting adds to that of the definitions.
func (s *placementSpec) setDefaults() {
	if s.Policy == nil {
		s.Policy = &schedulingPolicy{PlacementType: PickAll}
	}
	for i := range s.Policy.TopologySpreadConstraints {
		c := &s.Policy.TopologySpreadConstraints[i]
		c.MaxSkew = orDefault(c.MaxSkew, 1)
		if c.WhenUnsatisfiable == "" {
			c.WhenUnsatisfiable = doNotSchedule
		}
	}
	s.RevisionHistoryLimit = orDefault(s.RevisionHistoryLimit, 10)
	s.Strategy.setDefaults()
}

func (s *rolloutStrategy) setDefaults() {
	if s.Type == "" {
		s.Type = rollingUpdate
	}
	if s.Type == rollingUpdate {
		if s.RollingUpdate == nil {
			s.RollingUpdate = &rollingConfig{}
		}
		quarter := intstr.FromString("25%")
		s.RollingUpdate.MaxUnavailable = orDefault(s.RollingUpdate.MaxUnavailable, quarter)
		s.RollingUpdate.MaxSurge = orDefault(s.RollingUpdate.MaxSurge, quarter)
		s.RollingUpdate.UnavailablePeriodSeconds = orDefault(s.RollingUpdate.UnavailablePeriodSeconds, 60)
	}
	if s.ApplyStrategy == nil {
		s.ApplyStrategy = &applyStrategy{}
	}
	a := s.ApplyStrategy
	a.Type = cmp.Or(a.Type, "ClientSideApply")
	a.ComparisonOption = cmp.Or(a.ComparisonOption, "PartialComparison")
	a.WhenToApply = cmp.Or(a.WhenToApply, "Always")
	a.WhenToTakeOver = cmp.Or(a.WhenToTakeOver, "Always")
}

func orDefault[T any](value *T, fallback T) *T {
	if value == nil {
		return &fallback
	}
	return value
}
