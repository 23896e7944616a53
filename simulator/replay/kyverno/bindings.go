package kyverno

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// bindings are who has which roles, at some time.
type bindings struct {
	bindings roleBindings
	clusters clusterRoleBindings
	lost     bool // an audit log shows that there were others, and not which
}

var (
	ofNamespaces = capture.GVR{Group: rbacv1.GroupName, Version: "v1", Resource: "rolebindings"}
	ofCluster    = capture.GVR{Group: rbacv1.GroupName, Version: "v1", Resource: "clusterrolebindings"}
)

// bindingsOf are those that a world holds, and those that every API server makes for itself.
func bindingsOf(w *capture.World) *bindings {
	b := &bindings{bindings: typedList[rbacv1.RoleBinding](w, ofNamespaces), clusters: typedList[rbacv1.ClusterRoleBinding](w, ofCluster)}
	if !slices.ContainsFunc(b.clusters, isBootstrap) {
		b.bootstrapped()
	}
	b.lost = w.Lost(ofNamespaces) || w.Lost(ofCluster)
	return b
}

// bound are the bindings at the time of a request.
func (e *environment) bound(look lookup) *bindings {
	w, ok := look.(world)
	if !ok || e.editions == nil {
		return cmp.Or(e.latest, &bindings{})
	}
	edition, changes := w.Edition(ofNamespaces, ofCluster)
	if !changes {
		return e.latest
	}
	known, ok := e.editions.Load(edition)
	if !ok {
		known, _ = e.editions.LoadOrStore(edition, bindingsOf(w.World))
	}
	return known.(*bindings)
}

// rolesKnown tells whether the roles of the user are all that the cluster gave.
func (r *request) rolesKnown() bool { return r.env.rolesKnown && !r.rolesLost }

// bootstrapped adds the bindings that every API server makes for itself: for users that are
// known at all, for controllers. Those that the capture holds stay as they are.
func (e *bindings) bootstrapped() {
	have := map[string]bool{}
	for _, b := range e.clusters {
		have[b.Name] = true
	}
	clusters, bindings := admission.Bindings()
	for _, b := range clusters {
		if !have[b.Name] {
			e.clusters = append(e.clusters, b)
		}
	}
	have = map[string]bool{}
	for _, b := range e.bindings {
		have[b.Namespace+"/"+b.Name] = true
	}
	for _, b := range bindings {
		if !have[b.Namespace+"/"+b.Name] {
			e.bindings = append(e.bindings, b)
		}
	}
}

// isBootstrap tells of a binding that every API server makes. A capture that holds it is of
// a cluster, not of a repository, and holds the others too.
func isBootstrap(b *rbacv1.ClusterRoleBinding) bool { return b.Name == "cluster-admin" }

// bindingsKnown says whether the capture holds all bindings: it was made of a whole
// cluster, or says that it listed them.
func bindingsKnown(w *capture.World) bool {
	for _, resource := range []string{"rolebindings", "clusterrolebindings"} {
		if _, known := w.List(capture.GVR{Group: rbacv1.GroupName, Version: "v1", Resource: resource}, ""); !known {
			return false
		}
	}
	return true
}
