package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// decisions says for every member, and for every name that the policy asks for in vain,
// whether the placement goes there. KubeFleet writes a part of them into the status of its
// scheduling policy snapshot; the reasons are its own where it gives one. fresh is the same
// policy scheduled on an empty slate: what it would pick today.
func (r *round) decisions(fresh *round) []Decision {
	names := map[string]bool{}
	for _, m := range r.members {
		names[m.Name] = true
	}
	for name := range r.reasons {
		names[name] = true
	}
	var out []Decision
	for name := range names {
		out = append(out, r.decision(name, fresh))
	}
	slices.SortFunc(out, func(a, b Decision) int { return cmp.Compare(a.Cluster, b.Cluster) })
	return out
}

func (r *round) decision(cluster string, fresh *round) Decision {
	if b := r.on(cluster); b != nil && b.State != unscheduled {
		d := Decision{Cluster: cluster, Selected: true, AffinityScore: b.AffinityScore, SpreadScore: b.SpreadScore, Reason: b.reason()}
		d.Sticky = r.kept(cluster) && fresh.on(cluster) == nil
		if why, ok := r.reasons[cluster]; ok && r.p.placementType() == PickFixed {
			d.Reason = why.Reason // KubeFleet reports the cluster as not eligible, and keeps it
		}
		return d
	}
	if d, ok := r.reasons[cluster]; ok {
		d.Cluster = cluster
		return d
	}
	return Decision{Cluster: cluster, Reason: r.unlooked(cluster)}
}

// kept tells whether a cluster had the placement before.
func (r *round) kept(cluster string) bool {
	return slices.ContainsFunc(r.given, func(b *binding) bool { return b.Cluster == cluster && b.State != unscheduled })
}

// unlooked is the reason for a cluster that KubeFleet's cycle did not look at, of which it
// says nothing: the one that it would give, or that it needed no more clusters.
func (r *round) unlooked(cluster string) string {
	if r.failed != nil {
		return "the scheduling cycle fails: " + r.failed.Error()
	}
	if r.p.placementType() == PickFixed {
		return "not considered: the policy does not name the cluster"
	}
	if reason, err := r.unfit(r.member(cluster)); err == nil && reason != "" {
		return "ClusterUnschedulable, " + reason
	}
	return "not considered: the placement has the cluster(s) that it needs"
}

// reason is KubeFleet's text for a selected cluster.
func (b *binding) reason() string {
	if !b.scored {
		return fmt.Sprintf("Successfully scheduled resources for placement in %q: picked by scheduling policy", b.Cluster)
	}
	return fmt.Sprintf("Successfully scheduled resources for placement in %q (affinity score: %d, topology spread score: %d): picked by scheduling policy", b.Cluster, b.AffinityScore, b.SpreadScore)
}
