package placement

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// memberNameLabel is set by KubeFleet on every MemberCluster.
const memberNameLabel = "kubernetes-fleet.io/member-name"

// NewMember is a member that has joined and is healthy, such as one of a fleet file.
func NewMember(name string, labels map[string]string) *Member {
	return &Member{Name: name, Labels: withMemberName(name, labels)}
}

func withMemberName(name string, labels map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, labels)
	out[memberNameLabel] = name
	return out
}

// MergeMembers returns the members of all lists by name. What a list says of a member
// comes before what later lists say: they add labels, properties and taints that it does
// not name, and the state that the hub reports.
func MergeMembers(lists ...[]*Member) []*Member {
	byName := map[string]*Member{}
	for _, list := range lists {
		for _, m := range list {
			if first := byName[m.Name]; first != nil {
				first.merge(m)
			} else {
				byName[m.Name] = m.clone()
			}
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *Member) int { return cmp.Compare(a.Name, b.Name) })
}

func (m *Member) merge(other *Member) {
	m.Labels = merged(other.Labels, m.Labels)
	m.Properties = merged(other.Properties, m.Properties)
	for _, t := range other.Taints {
		if !slices.ContainsFunc(m.Taints, func(own Taint) bool { return own.Key == t.Key && own.Effect == t.Effect }) {
			m.Taints = append(m.Taints, t)
		}
	}
	m.Leaving = m.Leaving || other.Leaving
	if m.status == nil {
		m.status = other.status
	}
}

// merged is base with what over says instead; nil when both are empty.
func merged(base, over map[string]string) map[string]string {
	if len(base)+len(over) == 0 {
		return nil
	}
	out := maps.Clone(base)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, over)
	return out
}

// clone is a copy whose labels, taints, properties and status can be changed.
func (m *Member) clone() *Member {
	out := *m
	out.Labels, out.Properties, out.Taints = maps.Clone(m.Labels), maps.Clone(m.Properties), slices.Clone(m.Taints)
	if m.status != nil {
		status := *m.status
		status.AgentStatus = slices.Clone(m.status.AgentStatus)
		for i := range status.AgentStatus {
			status.AgentStatus[i].Conditions = slices.Clone(status.AgentStatus[i].Conditions)
		}
		out.status = &status
	}
	return &out
}

// findMember is the index of the member of a name in a list; -1 when there is none.
func findMember(members []*Member, name string) int {
	return slices.IndexFunc(members, func(m *Member) bool { return m.Name == name })
}

// taintFault says what is wrong with a taint.
func taintFault(t Taint) []error {
	var out []error
	name := fmt.Sprintf("%+v", struct{ Key, Value, Effect string }(t))
	for _, wrong := range validation.IsQualifiedName(t.Key) {
		out = append(out, fmt.Errorf("invalid taint key %s: %s", name, wrong))
	}
	if t.Value != "" {
		for _, wrong := range validation.IsValidLabelValue(t.Value) {
			out = append(out, fmt.Errorf("invalid taint value %s: %s", name, wrong))
		}
	}
	return out
}
