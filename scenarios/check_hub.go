package scenarios

import (
	"fmt"
	"maps"
	"slices"
)

var (
	releases    = []string{"v0.3.1", "main"}
	drivers     = []string{Builtin, KubeFleet}
	backs       = []string{ByIndex, ByRevert}
	policyModes = []string{Audit, Enforce, "Warn"}
	outcomes    = []string{"passed", "held", "rolled back"}
)

// fromHub checks what a rehearsal from a hub has instead of stages.
func (c *checker) fromHub(s *Scenario) {
	c.hub("hub", s.Hub, s.Fleet)
	if s.Candidate != "" {
		c.Fault("candidate", "with a hub the policies are those that it places: leave it out")
	}
}

// hub checks the hub and gives its fields their defaults.
func (c *checker) hub(path string, h *Hub, fleet FleetSpec) {
	for _, f := range []struct {
		name    string
		value   *string
		allowed []string
	}{{"kubefleet", &h.KubeFleet, releases}, {"driver", &h.Driver, drivers}, {"back", &h.Back, backs}} {
		if *f.value == "" {
			*f.value = f.allowed[0]
		}
		c.oneOf(path+"."+f.name, *f.value, f.allowed...)
	}
	c.number(path+".compress", h.Compress)
	c.gate(path+".gate", &h.Gate, fleet)
	for _, name := range slices.Sorted(maps.Keys(h.Gates)) {
		g := h.Gates[name]
		c.gate(path+".gates."+name, &g, fleet)
		h.Gates[name] = g
	}
	c.agents(path+".agents", &h.Agents, h.Driver)
	if h.Driver == KubeFleet && lacks(fleet, "kube-controller-manager") {
		c.Fault("fleet.components", "driver %s needs kube-controller-manager: without it nothing is ever removed from a member", KubeFleet)
	}
}

// agents checks that the agents are of one sort, and that somebody starts them.
func (c *checker) agents(path string, a *Agents, driver string) {
	if driver != KubeFleet && a.given() {
		c.Fault(path, "are for driver %s", KubeFleet)
	}
	if a.inPods() && countSet(a.HubAgent, a.MemberAgent) > 0 {
		c.Fault(path, "run as processes (hubAgent and memberAgent) or in pods (hubManifest and memberManifest): give one of the two")
	}
	if len(a.Images) > 0 && !a.inPods() {
		c.Fault(path+".images", "are for agents in pods: add hubManifest and memberManifest")
	}
}

// lacks says whether some cluster of the fleet says what it runs, and not the component.
func lacks(f FleetSpec, component string) bool {
	named := f.Components != nil || slices.ContainsFunc(f.Clusters, func(cl Cluster) bool { return cl.Components != nil })
	return named && !f.runs(component)
}

func (c *checker) faultsOf(list []Fault, s *Scenario) {
	if len(list) > 0 && s.Hub == nil {
		c.Fault("faults", "happen to a rollout from a hub, and the scenario has none")
	}
	for i := range list {
		c.oneFault(fmt.Sprintf("faults[%d]", i), &list[i], s)
	}
}

func (c *checker) oneFault(path string, f *Fault, s *Scenario) {
	switch {
	case f.Timed() && countSet(f.Before, f.After) > 0:
		c.Fault(path, "the event says its time: leave before and after out")
	case !f.Timed() && countSet(f.Before, f.After) != 1:
		c.Fault(path, "say when: give before or after, with the name of a stage, or an event with its time: %q", "staging leaves @30m")
	}
	if countSet(f.Stop, f.Event, f.Apply) != 1 {
		c.Fault(path, "say what: give one of stop, event and apply")
	}
	if f.Stop != "" {
		c.oneOf(path+".stop", f.Stop, Stops...)
	}
	if f.For > 0 && f.Until != "" {
		c.Fault(path+".until", "for is given: leave one of the two out")
	}
	if f.Draw < 0 {
		c.Fault(path+".draw", "%d, want 0 or more", f.Draw)
	}
	lasting := f.For > 0 || f.Until != ""
	placed := f.Draw > 0 || !f.Clusters.empty()
	if lasting && f.Stop == "" {
		c.Fault(path, "only what stops can run again: leave for and until out")
	}
	if placed && (f.Stop == "" || f.Stop == StopHub) {
		c.Fault(path, "is about the hub: leave clusters and draw out")
	}
	c.selector(path+".clusters", f.Clusters, s.Fleet)
}

func (c *checker) expectations(list []Expectation, s *Scenario) {
	for i := range list {
		c.expectation(fmt.Sprintf("expect[%d]", i), &list[i], s)
	}
}

func (c *checker) expectation(path string, e *Expectation, s *Scenario) {
	denied := ""
	if e.Denied != nil {
		denied = "set"
	}
	if countSet(e.Policy, e.Run, denied, e.Outcome) != 1 {
		c.Fault(path, "say of what: give one of policy, run, denied and outcome")
	}
	absent := ""
	if e.Absent {
		absent = "set"
	}
	if n := countSet(e.Mode, e.Version, absent); e.Policy != "" && (n == 0 || e.Absent && n > 1) {
		c.Fault(path, "say how the policy is held: give mode, version or both, or absent")
	} else if e.Policy == "" && n > 0 {
		c.Fault(path, "mode, version and absent are a policy's")
	}
	if (e.Run == "") != (e.State == "") {
		c.Fault(path, "run and state belong together")
	}
	if e.Mode != "" {
		c.oneOf(path+".mode", e.Mode, policyModes...)
	}
	if e.State != "" {
		c.oneOf(path+".state", e.State, RunStates...)
	}
	if e.Outcome != "" {
		c.oneOf(path+".outcome", e.Outcome, outcomes...)
	}
	if e.Denied != nil {
		c.number(path+".denied", float64(*e.Denied))
	}
	if s.Hub == nil && e.Run != "" {
		c.Fault(path+".run", "the scenario has no hub")
	}
	if (e.Run != "" || e.Outcome != "") && !e.Clusters.empty() {
		c.Fault(path+".clusters", "is about the whole rollout: leave them out")
	}
	c.selector(path+".clusters", e.Clusters, s.Fleet)
}

func countSet(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}
