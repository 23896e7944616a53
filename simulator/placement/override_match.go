package placement

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seatrial/seatrial/simulator/policy"
)

// matchOverrides keeps the snapshots that are attached to a placement: those that name it
// or no placement at all, and of which at least one selector finds an object. key is how
// the rollout knows the placement.
func matchOverrides(all []overrideSnapshot, key string, objects []policy.Object, release Release) []overrideSnapshot {
	var out []overrideSnapshot
	if len(all) == 0 {
		return nil
	}
	within := reachable(objects, release)
	for _, s := range all {
		if s.spec.Placement != nil && s.placementKey() != key {
			continue
		}
		if slices.ContainsFunc(within, func(o policy.Object) bool { return s.selects(o) }) {
			out = append(out, s)
		}
	}
	return out
}

// placementKey is the key of the placement to which an override is pinned.
func (s overrideSnapshot) placementKey() string {
	if s.kind == "ResourceOverride" && s.spec.Placement.Scope == scopeNamespaced {
		return s.Namespace + "/" + s.spec.Placement.Name
	}
	return s.spec.Placement.Name
}

// reachable are the objects that overrides can change: in v0.3.1 what is selected, envelopes
// as they are; in main what lies within envelopes instead.
func reachable(objects []policy.Object, release Release) []policy.Object {
	var out []policy.Object
	for _, o := range objects {
		if !isEnvelope(o) || release != Main {
			out = append(out, o)
			continue
		}
		inner, _ := unwrap(o)
		out = append(out, inner...)
	}
	return out
}

// selects tells whether the override changes an object. Groups, versions, kinds and names
// have to be the same; a Namespace stands for all namespaced objects in it.
func (s overrideSnapshot) selects(o policy.Object) bool {
	if s.kind == "ResourceOverride" {
		return o.Namespace != "" && o.Namespace == s.Namespace && slices.ContainsFunc(s.spec.ResourceSelectors, func(r resourceSelector) bool { return r.names(o) })
	}
	return slices.ContainsFunc(s.spec.ClusterResourceSelectors, func(r resourceSelector) bool {
		if o.Namespace != "" {
			return r.Group == "" && r.Version == "v1" && r.Kind == "Namespace" && r.Name == o.Namespace
		}
		return r.names(o)
	})
}

func (r resourceSelector) names(o policy.Object) bool {
	group, version := splitVersion(o.APIVersion)
	return r.Group == group && r.Version == version && r.Kind == o.Kind && r.Name == o.Name
}

func splitVersion(apiVersion string) (group, version string) {
	if i := strings.LastIndex(apiVersion, "/"); i >= 0 {
		return apiVersion[:i], apiVersion[i+1:]
	}
	return "", apiVersion
}

// pickOverrides keeps the snapshots with a rule for the member, in the order in which they
// are applied: ClusterResourceOverrides by the names of their snapshots, compared as
// text, then ResourceOverrides by namespace and name. The later wins.
func pickOverrides(matched []overrideSnapshot, m *Member) []overrideSnapshot {
	var out []overrideSnapshot
	for _, s := range matched {
		if slices.ContainsFunc(s.spec.Policy.OverrideRules, func(r overrideRule) bool { return r.matches(m) }) {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b overrideSnapshot) int {
		if a.kind != b.kind {
			return strings.Compare(a.kind, b.kind) // "ClusterResourceOverride" sorts first
		}
		if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
			return c
		}
		return strings.Compare(a.snapshotName(), b.snapshotName())
	})
	return out
}

// matches tells whether a rule is for the member: never without a selector, always with
// one that has no terms. A term without a label selector matches nothing.
func (r overrideRule) matches(m *Member) bool {
	if r.ClusterSelector == nil {
		return false
	}
	if len(r.ClusterSelector.Terms) == 0 {
		return true
	}
	return slices.ContainsFunc(r.ClusterSelector.Terms, func(t selectorTerm) bool { return labelsMatch(t.LabelSelector, m.Labels) })
}

// labelsMatch is the selector as overrides and stages read it: nil matches nothing, an
// empty one everything.
func labelsMatch(selector *metav1.LabelSelector, set map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(set))
}

func sameOverrides(a, b []overrideSnapshot) bool {
	return slices.EqualFunc(a, b, func(x, y overrideSnapshot) bool { return x.kind == y.kind && x.id() == y.id() })
}

func overrideIDs(snapshots []overrideSnapshot) []string {
	var out []string
	for _, s := range snapshots {
		out = append(out, s.id())
	}
	return out
}
