package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/strict"
)

// A checker checks a file that was read.
type checker struct{ *strict.File }

func (c *checker) scenario(s *Scenario) {
	if s.Metadata.Name == "" {
		c.Fault("metadata.name", "a scenario needs a name")
	}
	c.fleet("fleet", s.Fleet)
	c.traffic("traffic", s.Traffic)
	if s.Traffic.Real && s.Fleet.HasExisting() {
		c.Fault("traffic.real", "clusters that exist already get dry runs only")
	}
	switch {
	case s.Hub != nil && len(s.Stages) > 0:
		c.Fault("stages", "with a hub the stages are the plan's: give gates in hub.gates")
	case s.Hub == nil && len(s.Stages) == 0:
		c.Fault("stages", "a scenario needs at least one stage")
	}
	if s.Hub != nil {
		c.fromHub(s)
	}
	names := map[string]bool{}
	for i := range s.Stages {
		path := fmt.Sprintf("stages[%d]", i)
		if name := s.Stages[i].Name; names[name] {
			c.Fault(path+".name", "%q is the name of an earlier stage", name)
		} else {
			names[name] = true
		}
		c.stage(path, &s.Stages[i], s.Fleet)
	}
	for i, w := range s.Rollback.Ways {
		c.oneOf(fmt.Sprintf("rollback.ways[%d]", i), w, Ways...)
	}
	c.selector("rollback.clusters", s.Rollback.Clusters, s.Fleet)
	c.faultsOf(s.Faults, s)
	c.expectations(s.Expect, s)
}

var modes = []string{Audit, Enforce, AsWritten, Removed, Baseline}

func (c *checker) stage(path string, s *Stage, fleet FleetSpec) {
	if s.Name == "" {
		c.Fault(path+".name", "a stage needs a name")
	}
	if s.Mode == "" {
		s.Mode = AsWritten
	}
	c.oneOf(path+".mode", s.Mode, modes...)
	c.selector(path+".clusters", s.Clusters, fleet)
	c.limits(path, s)
	for i, o := range s.Overrides {
		at := fmt.Sprintf("%s.overrides[%d]", path, i)
		if o.Mode == "" && o.Exceptions == "" {
			c.Fault(at, "changes nothing: give mode or exceptions")
		}
		if o.Mode != "" {
			c.oneOf(at+".mode", o.Mode, modes...)
		}
		c.selector(at+".clusters", o.Clusters, fleet)
	}
	if s.Traffic != nil {
		c.traffic(path+".traffic", *s.Traffic)
	}
	if s.Traffic != nil && s.Traffic.Real && fleet.HasExisting() {
		c.Fault(path+".traffic.real", "clusters that exist already get dry runs only")
	}
	c.actions(path, s, fleet)
	c.gate(path+".gate", &s.Gate, fleet)
}

// limits checks what a stage is limited to, and what it brings.
func (c *checker) limits(path string, s *Stage) {
	back := s.Mode == Removed || s.Mode == Baseline
	for _, f := range []struct {
		name string
		set  bool
	}{{"namespaces", len(s.Namespaces) > 0}, {"firstNamespaces", s.FirstNamespaces > 0}} {
		if f.set && back {
			c.Fault(path+"."+f.name, "a stage of mode %s cannot be limited to namespaces", s.Mode)
		}
	}
	switch {
	case s.FirstNamespaces < 0:
		c.Fault(path+".firstNamespaces", "%d, want 0 or more", s.FirstNamespaces)
	case s.FirstNamespaces > 0 && len(s.Namespaces) > 0:
		c.Fault(path+".firstNamespaces", "namespaces are listed: leave one of the two out")
	}
	if s.Exceptions != "" && back {
		c.Fault(path+".exceptions", "a stage of mode %s adds nothing: give them to another stage", s.Mode)
	}
}

func (c *checker) gate(path string, g *Gate, fleet FleetSpec) {
	if g.Otherwise == "" {
		g.Otherwise = Hold
	}
	c.oneOf(path+".otherwise", g.Otherwise, Hold, RollBack)
	for _, f := range []struct {
		name  string
		value *int
	}{{"denied", g.Denied}, {"changed", g.Changed}, {"auditFailures", g.AuditFailures}, {"predictedDenied", g.PredictedDenied},
		{"predictedFailing", g.PredictedFailing}, {"webhookErrors", g.WebhookErrors}, {"misses", g.Misses}} {
		if f.value != nil && *f.value < 0 {
			c.Fault(path+"."+f.name, "%d, want 0 or more", *f.value)
		}
	}
	if g.AuditFailures != nil && !fleet.runs("kyverno-reports-controller") {
		c.Fault(path+".auditFailures", "needs kyverno-reports-controller in fleet.components: nobody else writes PolicyReports")
	}
}

func (c *checker) traffic(path string, t Traffic) {
	for _, f := range []struct {
		name  string
		value float64
	}{{"requests", float64(t.Requests)}, {"rate", t.Rate}, {"compress", t.Compress}, {"concurrency", float64(t.Concurrency)}} {
		c.number(path+"."+f.name, f.value)
	}
	if t.Real && t.Concurrency > 1 {
		c.Fault(path+".concurrency", "real traffic is sent one request at a time: leave it out")
	}
}

// number checks that a value is one, and not below 0.
func (c *checker) number(path string, value float64) {
	if !(value >= 0) || math.IsInf(value, 1) { // nor .nan, nor .inf
		c.Fault(path, "%v, want 0 or more", value)
	}
}

func (c *checker) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.Fault(path, "%q, want %s", value, strings.Join(allowed, ", "))
	}
}
