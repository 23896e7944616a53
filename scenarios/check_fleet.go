package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var components = []string{
	"kyverno", "kube-controller-manager", "kube-scheduler", "kwok",
	"kyverno-background-controller", "kyverno-reports-controller", "kyverno-cleanup-controller",
}

// CheckComponents says which of the names is no component of a cluster.
func CheckComponents(names []string) error {
	for _, n := range names {
		if !slices.Contains(components, n) {
			return fmt.Errorf("%w: %q, want %s", ErrInvalid, n, strings.Join(components, ", "))
		}
	}
	return nil
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (c *checker) fleet(path string, f FleetSpec) {
	if f.Count < 0 {
		c.Fault(path+".count", "%d, want 1 or more", f.Count)
	}
	if f.Count > 0 && len(f.Clusters) > 0 {
		c.Fault(path+".count", "clusters are listed: leave one of the two out")
	}
	c.components(path, f.Components)
	c.provider(path, f.Provider, f.Kind)
	c.existing(path, f)
	c.kinds(path, f)
	c.nodes(path, f.Nodes, f.runs("kwok"))
	names := map[string]bool{}
	for i, cl := range f.Clusters {
		at := fmt.Sprintf("%s.clusters[%d]", path, i)
		switch {
		case !dnsLabel.MatchString(cl.Name):
			c.Fault(at+".name", "%q, want lower-case letters, digits and hyphens, at most 63", cl.Name)
		case names[cl.Name]:
			c.Fault(at+".name", "%q is there twice", cl.Name)
		}
		names[cl.Name] = true
		c.components(at, cl.Components)
		c.provider(at, cl.Provider, cl.Kind)
		c.nodes(at, cl.Nodes, slices.Contains(cl.Components, "kwok") || cl.Components == nil && slices.Contains(f.Components, "kwok"))
	}
}

const maxNodes = 250

func (c *checker) nodes(path string, n int, kwok bool) {
	switch {
	case n < 0 || n > maxNodes:
		c.Fault(path+".nodes", "%d, want 1 to %d", n, maxNodes)
	case n > 0 && !kwok:
		c.Fault(path+".nodes", "nodes are played by kwok: add it to components")
	}
}

func (c *checker) components(path string, list []string) {
	for i, name := range list {
		c.oneOf(fmt.Sprintf("%s.components[%d]", path, i), name, components...)
	}
}

// runs says whether every cluster of the fleet has the component.
func (f FleetSpec) runs(component string) bool {
	for _, cl := range f.Clusters {
		if cl.Components != nil && !slices.Contains(cl.Components, component) {
			return false
		}
	}
	return slices.Contains(f.Components, component) || len(f.Clusters) > 0 && !slices.ContainsFunc(f.Clusters, func(cl Cluster) bool { return cl.Components == nil })
}
