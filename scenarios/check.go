package scenarios

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A checker collects the faults of a file, in file order as far as they are checked in it.
type checker struct {
	file   string
	root   *yaml.Node
	faults []error
}

func (c *checker) err() error { return errors.Join(c.faults...) }

// fault notes what is wrong at a path like stages[1].gate.otherwise.
func (c *checker) fault(path, format string, args ...any) {
	at := c.file
	if line := c.line(path); line > 0 {
		at += ":" + strconv.Itoa(line)
	}
	c.faults = append(c.faults, fmt.Errorf("%s: %w: %s: %s", at, ErrInvalid, path, fmt.Sprintf(format, args...)))
}

var pathPart = regexp.MustCompile(`[^.\[\]]+`)

// line is where the value of a path begins, or the nearest thing around it that is there.
func (c *checker) line(path string) int {
	node := c.root
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	for _, part := range pathPart.FindAllString(path, -1) {
		next := child(node, part)
		if next == nil {
			break
		}
		node = next
	}
	return node.Line
}

func child(node *yaml.Node, part string) *yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == part {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i < len(node.Content) {
			return node.Content[i]
		}
	}
	return nil
}

func (c *checker) head(apiVersion, kind, want string) {
	if apiVersion != APIVersion {
		c.fault("apiVersion", "%q, want %q", apiVersion, APIVersion)
	}
	if kind != want {
		c.fault("kind", "%q, want %q", kind, want)
	}
}

func (c *checker) scenario(s *Scenario) {
	if s.Metadata.Name == "" {
		c.fault("metadata.name", "a scenario needs a name")
	}
	c.fleet("fleet", s.Fleet)
	c.traffic("traffic", s.Traffic)
	if len(s.Stages) == 0 {
		c.fault("stages", "a scenario needs at least one stage")
	}
	names := map[string]bool{}
	for i := range s.Stages {
		path := fmt.Sprintf("stages[%d]", i)
		if name := s.Stages[i].Name; names[name] {
			c.fault(path+".name", "%q is the name of an earlier stage", name)
		} else {
			names[name] = true
		}
		c.stage(path, &s.Stages[i], s.Fleet)
	}
	for i, w := range s.Rollback.Ways {
		c.oneOf(fmt.Sprintf("rollback.ways[%d]", i), w, Ways...)
	}
}

func (c *checker) stage(path string, s *Stage, fleet FleetSpec) {
	if s.Name == "" {
		c.fault(path+".name", "a stage needs a name")
	}
	if s.Mode == "" {
		s.Mode = AsWritten
	}
	c.oneOf(path+".mode", s.Mode, Audit, Enforce, AsWritten, Removed, Baseline)
	if len(s.Namespaces) > 0 && (s.Mode == Removed || s.Mode == Baseline) {
		c.fault(path+".namespaces", "a stage of mode %s cannot be limited to namespaces", s.Mode)
	}
	for i, o := range s.Overrides {
		at := fmt.Sprintf("%s.overrides[%d]", path, i)
		if o.Mode == "" && o.Exceptions == "" {
			c.fault(at, "changes nothing: give mode or exceptions")
		}
		if o.Mode != "" {
			c.oneOf(at+".mode", o.Mode, Audit, Enforce, AsWritten, Removed, Baseline)
		}
	}
	if s.Traffic != nil {
		c.traffic(path+".traffic", *s.Traffic)
	}
	if s.Gate.Otherwise == "" {
		s.Gate.Otherwise = Hold
	}
	c.oneOf(path+".gate.otherwise", s.Gate.Otherwise, Hold, RollBack)
	if s.Gate.AuditFailures != nil && !fleet.runs("kyverno-reports-controller") {
		c.fault(path+".gate.auditFailures", "needs kyverno-reports-controller in fleet.components: nobody else writes PolicyReports")
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

func (c *checker) traffic(path string, t Traffic) {
	for _, f := range []struct {
		name  string
		value float64
	}{{"requests", float64(t.Requests)}, {"rate", t.Rate}, {"compress", t.Compress}, {"concurrency", float64(t.Concurrency)}} {
		if f.value < 0 {
			c.fault(path+"."+f.name, "%v, want 0 or more", f.value)
		}
	}
	if t.Real && t.Concurrency > 1 {
		c.fault(path+".concurrency", "real traffic is sent one request at a time: leave it out")
	}
}

var components = []string{"kyverno", "kube-controller-manager", "kyverno-background-controller", "kyverno-reports-controller", "kyverno-cleanup-controller"}

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
		c.fault(path+".count", "%d, want 1 or more", f.Count)
	}
	if f.Count > 0 && len(f.Clusters) > 0 {
		c.fault(path+".count", "clusters are listed: leave one of the two out")
	}
	c.components(path, f.Components)
	names := map[string]bool{}
	for i, cl := range f.Clusters {
		at := fmt.Sprintf("%s.clusters[%d]", path, i)
		switch {
		case !dnsLabel.MatchString(cl.Name):
			c.fault(at+".name", "%q, want lower-case letters, digits and hyphens, at most 63", cl.Name)
		case names[cl.Name]:
			c.fault(at+".name", "%q is there twice", cl.Name)
		}
		names[cl.Name] = true
		c.components(at, cl.Components)
	}
}

func (c *checker) components(path string, list []string) {
	for i, name := range list {
		c.oneOf(fmt.Sprintf("%s.components[%d]", path, i), name, components...)
	}
}

func (c *checker) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.fault(path, "%q, want %s", value, strings.Join(allowed, ", "))
	}
}

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
