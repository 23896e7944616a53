package placement

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Member is a cluster of a fleet as the hub sees it.
type Member struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	Taints []Taint           `json:"taints,omitempty"`
	// Properties are what the member's agent reports: node-count, prices and the like.
	Properties map[string]string `json:"properties,omitempty"`
	// Leaving members have been deleted from the hub and are on their way out.
	Leaving bool `json:"leaving,omitempty"`

	status *memberStatus // nil: taken to be joined and healthy
}

// Taint keeps placements that do not tolerate it away from a cluster.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect,omitempty"`
}

// String is the taint as KubeFleet prints it.
func (t Taint) String() string {
	return fmt.Sprintf("&{Key:%s Value:%s Effect:%s}", t.Key, t.Value, t.Effect)
}

func newMember(m *memberObject) *Member {
	out := &Member{Name: m.Metadata.Name, Labels: withMemberName(m.Metadata.Name, m.Metadata.Labels), Taints: m.Spec.Taints, Leaving: m.Metadata.DeletionTimestamp != nil, status: m.Status}
	if m.Metadata.UID != "" && m.Status == nil {
		out.status = &memberStatus{} // live, and its agent has not said anything yet
	}
	if m.Status != nil {
		if m.Metadata.UID == "" && len(m.Status.AgentStatus) == 0 && len(m.Status.Conditions) == 0 {
			out.status = nil // written by hand, to give properties
		}
		out.Properties = map[string]string{}
		for name, p := range m.Status.Properties {
			out.Properties[name] = p.Value
		}
		for prefix, values := range map[string]map[string]string{"total": m.Status.ResourceUsage.Capacity, "allocatable": m.Status.ResourceUsage.Allocatable, "available": m.Status.ResourceUsage.Available} {
			for resource, value := range values {
				out.Properties[resourcePrefix+prefix+"-"+resource] = value
			}
		}
	}
	return out
}

const unhealthyAfter = 5 * time.Minute // for heartbeats and health alike; hard-coded in KubeFleet

// ineligible is the reason why nothing can be placed on the member; empty when it can.
func (m *Member) ineligible(at time.Time) string {
	if m.Leaving {
		return "cluster has left the fleet"
	}
	if m.status == nil {
		return ""
	}
	const offline = "cluster is not connected to the fleet: "
	agent := m.agent()
	if agent == nil {
		return offline + "member agent not online yet"
	}
	if beat := agent.LastReceivedHeartbeat; beat == nil || at.Sub(beat.Time) > unhealthyAfter {
		age := at.Sub(time.Time{}) // what KubeFleet says of no heartbeat at all
		if beat != nil {
			age = at.Sub(beat.Time)
		}
		return fmt.Sprintf(offline+"no recent heartbeat signals (last received %.2f minutes ago)", age.Minutes())
	}
	if joined := condition(agent.Conditions, "Joined"); joined == nil || joined.Status != metav1.ConditionTrue {
		return offline + "member agent not joined yet"
	}
	healthy := condition(agent.Conditions, "Healthy")
	if healthy == nil {
		return offline + "health condition from member agent is not available"
	}
	if since := at.Sub(healthy.LastTransitionTime.Time); healthy.Status != metav1.ConditionTrue && since > unhealthyAfter {
		return fmt.Sprintf(offline+"unhealthy for a prolonged period of time (last transitioned %.2f minutes ago)", since.Minutes())
	}
	return ""
}

func (m *Member) agent() *agentStatus {
	for i := range m.status.AgentStatus {
		if m.status.AgentStatus[i].Type == "MemberAgent" {
			return &m.status.AgentStatus[i]
		}
	}
	return nil
}

const absentNamespace = "target namespace does not exist on cluster"

// lacksNamespace is the reason why a ResourcePlacement cannot go to the member: its
// namespace is known not to be there. Only property providers report namespaces.
func (m *Member) lacksNamespace(namespace string) string {
	if m.status == nil || namespace == "" {
		return ""
	}
	if c := condition(m.status.Conditions, "NamespaceCollectionSucceeded"); c == nil {
		return ""
	}
	if len(m.status.Namespaces) == 0 {
		return "cluster has no namespace information available"
	}
	if _, ok := m.status.Namespaces[namespace]; !ok {
		return absentNamespace
	}
	return ""
}

func condition(all []metav1.Condition, name string) *metav1.Condition {
	for i := range all {
		if all[i].Type == name {
			return &all[i]
		}
	}
	return nil
}

// resourcePrefix begins the names of properties that tell of a member's resources.
const resourcePrefix = "resources.kubernetes-fleet.io/"
