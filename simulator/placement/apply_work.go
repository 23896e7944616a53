package placement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/policy"
)

// A delivery is what a binding points at, and what came of it on its cluster.
type delivery struct {
	index     int // of the resource snapshot
	overrides []overrideSnapshot
	apply     applyStrategy

	work      []rendered // manifests of the Work as written last
	workIndex int        // the snapshot of which it was written; -1: none was
	failure   string     // "OverriddenFailed: …"; empty: the binding has not failed
	reported  []string   // differences, under ReportDiff
	readyAt   time.Duration
	unreached bool // the Work waits for the member's agent
}

// longAgo is before everything that a plan shows.
const longAgo = -1 << 60 * time.Nanosecond

// ready tells whether a rollout counts the cluster as available.
func (d *delivery) ready(now time.Duration) bool {
	return d != nil && d.failure == "" && !d.unreached && now >= d.readyAt
}

// render makes the manifests of a binding's Works. Works are written again only for
// another snapshot or other overrides: later changes of a member's labels come with these.
func render(objects []policy.Object, overrides []overrideSnapshot, m *Member, release Release) ([]rendered, string) {
	var out []rendered
	for _, o := range objects {
		if !isEnvelope(o) {
			one, err := applyOverrides(o, overrides, m, release)
			if err != nil {
				return nil, overriddenFailed(err)
			}
			out = append(out, one)
			continue
		}
		inner, failure := renderEnvelope(o, overrides, m, release)
		if failure != "" {
			return nil, failure
		}
		out = append(out, inner...)
	}
	return slices.DeleteFunc(out, func(o rendered) bool { return o.deleted != "" }), ""
}

// renderEnvelope opens an envelope. Overrides of v0.3.1 meet the envelope itself, and leave
// its manifests as they are; those of main meet the manifests.
func renderEnvelope(envelope policy.Object, overrides []overrideSnapshot, m *Member, release Release) ([]rendered, string) {
	if release != Main {
		whole, err := applyOverrides(envelope, overrides, m, release)
		if err != nil {
			return nil, overriddenFailed(err)
		}
		if whole.deleted != "" {
			return nil, ""
		}
		envelope = whole.object
	}
	inner, err := unwrap(envelope)
	if err != nil {
		return nil, "SyncWorkFailed: Failed to synchronize the work to the latest: " + err.Error()
	}
	var out []rendered
	for _, o := range inner {
		one := rendered{object: o}
		if release == Main {
			if one, err = applyOverrides(o, overrides, m, release); err != nil {
				name := strings.TrimPrefix(envelope.Namespace+"/"+envelope.Name, "/")
				return nil, overriddenFailed(fmt.Errorf("failed to apply overrides to %s %q from envelope %s: %w", o.Kind, o.Name, name, err))
			}
		}
		out = append(out, one)
	}
	return out, ""
}

func overriddenFailed(err error) string {
	return "OverriddenFailed: Failed to apply the override rules on the resources: " + err.Error()
}

// objectID is what an API server knows an object by, whatever the version.
func objectID(o policy.Object) string {
	group, _ := splitVersion(o.APIVersion)
	return strings.Join([]string{group, o.Kind, o.Namespace, o.Name}, "|")
}

// settles is when the resources of a Work count as available: at once, or, where one of
// them cannot be tracked, after a period.
func settles(work []rendered, now, period time.Duration) time.Duration {
	for _, o := range work {
		if !trackable(o.object.APIVersion, o.object.Kind) {
			return now + period
		}
	}
	return now
}

// trackable tells whether KubeFleet knows when objects of a kind are available. Workloads
// are taken to become available at once. Custom resources, Kyverno's policies among them,
// are not tracked.
func trackable(apiVersion, kind string) bool {
	group, _ := splitVersion(apiVersion)
	return slices.Contains(trackedKinds[group], kind)
}

var trackedKinds = map[string][]string{
	"":                          {"Namespace", "Secret", "ConfigMap", "ServiceAccount", "LimitRange", "ResourceQuota", "Service"},
	"apps":                      {"Deployment", "StatefulSet", "DaemonSet", "ControllerRevision"},
	"rbac.authorization.k8s.io": {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"},
	"networking.k8s.io":         {"NetworkPolicy", "IngressClass"},
	"storage.k8s.io":            {"StorageClass", "CSIDriver", "CSINode", "CSIStorageCapacity"},
	"scheduling.k8s.io":         {"PriorityClass"},
	"policy":                    {"PodDisruptionBudget"},
	"apiextensions.k8s.io":      {"CustomResourceDefinition"},
}

// DefaultUnavailablePeriod is what KubeFleet waits between waves where a placement does not say.
const DefaultUnavailablePeriod = 60 * time.Second

// period is how long a RollingUpdate waits for resources that are not tracked.
func (p *placement) period() time.Duration {
	if r := p.spec.Strategy.RollingUpdate; r != nil && r.UnavailablePeriodSeconds != nil {
		return time.Duration(*r.UnavailablePeriodSeconds) * time.Second
	}
	return DefaultUnavailablePeriod
}

// strategyOf is a placement's apply strategy with the defaults.
func (p *placement) applyStrategy() applyStrategy {
	s := applyStrategy{}
	if p.spec.Strategy.ApplyStrategy != nil {
		s = *p.spec.Strategy.ApplyStrategy
	}
	for field, value := range map[*string]string{&s.Type: "ClientSideApply", &s.ComparisonOption: "PartialComparison", &s.WhenToApply: "Always", &s.WhenToTakeOver: "Always"} {
		if *field == "" {
			*field = value
		}
	}
	return s
}

func (s applyStrategy) same(other applyStrategy) bool {
	a, _ := json.Marshal(s)
	b, _ := json.Marshal(other)
	return string(a) == string(b)
}
