package scenarios

import (
	"fmt"
	"slices"
)

// Picks says which of the clusters the selector means, in the order given.
func (s Selector) Picks(clusters []Cluster) []Cluster {
	var out []Cluster
	for _, cl := range clusters {
		if s.matches(cl) && (s.First == 0 || len(out) < s.First) {
			out = append(out, cl)
		}
	}
	return out
}

func (s Selector) empty() bool { return len(s.Names) == 0 && len(s.MatchLabels) == 0 && s.First == 0 }

func (s Selector) matches(cl Cluster) bool {
	if len(s.Names) > 0 && !slices.Contains(s.Names, cl.Name) {
		return false
	}
	for k, v := range s.MatchLabels {
		if cl.Labels[k] != v {
			return false
		}
	}
	return true
}

// selector checks a selector; the names only where the file lists the clusters.
func (c *checker) selector(path string, s Selector, fleet FleetSpec) {
	if s.First < 0 {
		c.Fault(path+".first", "%d, want 0 or more", s.First)
	}
	for i, name := range s.Names {
		if len(fleet.Clusters) > 0 && !slices.ContainsFunc(fleet.Clusters, func(cl Cluster) bool { return cl.Name == name }) {
			c.Fault(fmt.Sprintf("%s.names[%d]", path, i), "fleet.clusters has no %q", name)
		}
	}
}
