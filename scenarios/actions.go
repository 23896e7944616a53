package scenarios

import "fmt"

// An Action does to workloads of each of the stage's clusters what happens there every day. It
// is done for real, once admission answers by the stage's policies.
type Action struct {
	// Do is restart (a Deployment's pods are replaced, as kubectl rollout restart does), scale
	// (it gets Replicas, by its HorizontalPodAutoscaler where it has one), or drain (the pods of a
	// node are evicted, the node takes no new ones).
	Do string `yaml:"do" json:"do"`
	// Namespaces and Names limit which Deployments; default all but those of system namespaces.
	Namespaces []string `yaml:"namespaces,omitempty" json:"namespaces,omitempty"`
	Names      []string `yaml:"names,omitempty" json:"names,omitempty"`
	// First takes only so many of those, by namespace and name; of a drain, so many nodes. 0
	// takes all Deployments, and one node.
	First int `yaml:"first,omitempty" json:"first,omitempty"`
	// Replicas is how many pods each gets by scale.
	Replicas *int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
}

// What an action does.
const (
	Restart = "restart"
	Scale   = "scale"
	Drain   = "drain"
)

var deeds = []string{Restart, Scale, Drain}

func (c *checker) actions(path string, s *Stage, fleet FleetSpec) {
	for i, a := range s.Actions {
		at := fmt.Sprintf("%s.actions[%d]", path, i)
		c.oneOf(at+".do", a.Do, deeds...)
		if a.First < 0 {
			c.Fault(at+".first", "%d, want 0 or more", a.First)
		}
		switch {
		case a.Do == Scale && a.Replicas == nil:
			c.Fault(at+".do", "scale needs replicas")
		case a.Do != Scale && a.Replicas != nil:
			c.Fault(at+".replicas", "is for scale alone")
		case a.Replicas != nil && *a.Replicas < 0:
			c.Fault(at+".replicas", "%d, want 0 or more", *a.Replicas)
		}
		if a.Do == Drain && len(a.Namespaces)+len(a.Names) > 0 {
			c.Fault(at+".do", "drain takes nodes, not Deployments: leave namespaces and names out")
		}
	}
	if len(s.Actions) > 0 {
		if fleet.HasExisting() {
			c.Fault(path+".actions", "are done for real: not on clusters that exist already")
		}
		c.runsPods(path+".actions", fleet)
	}
	switch g := s.Gate.StuckWorkloads; {
	case g == nil:
	case *g < 0:
		c.Fault(path+".gate.stuckWorkloads", "%d, want 0 or more", *g)
	case len(s.Actions) == 0:
		c.Fault(path+".gate.stuckWorkloads", "nothing is done to workloads: add actions to the stage")
	}
}

// runsPods wants what workloads need to get pods that run. Kind clusters have it whatever the
// list says; a file that says it runs on embedded clusters too.
func (c *checker) runsPods(path string, fleet FleetSpec) {
	for _, component := range []string{"kube-controller-manager", "kube-scheduler", "kwok"} {
		if !fleet.runs(component) && !fleet.allKind() {
			c.Fault(path, "needs %s in fleet.components: nothing else makes pods run", component)
		}
	}
}

func (f FleetSpec) allKind() bool {
	for _, cl := range f.Clusters {
		if f.providerOf(cl) != "kind" {
			return false
		}
	}
	return f.Provider == "kind" || len(f.Clusters) > 0
}
