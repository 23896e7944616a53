package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// alwaysThere are the namespaces of every cluster with Kyverno. An API server lets nobody
// delete the first three.
var alwaysThere = []string{"default", "kube-system", "kube-public", "kube-node-lease", "kyverno"}

// Undeletable tells whether no API server deletes a namespace.
func Undeletable(namespace string) bool { return slices.Contains(alwaysThere[:3], namespace) }

// notFound is what an API server says of an object whose namespace is not there.
func notFound(namespace string) string { return fmt.Sprintf("namespaces %q not found", namespace) }

// homeless is the reason why an object cannot be made on a member: its namespace is known
// not to be there. Where nothing is known it is assumed to be, with a warning.
func (w *world) homeless(p *placed, cluster string, o policy.Object) string {
	namespace := o.Namespace
	if namespace == "" || slices.Contains(alwaysThere, namespace) && !w.gone[cluster][namespace] {
		return ""
	}
	if w.gone[cluster][namespace] {
		return notFound(namespace)
	}
	if w.quiet || slices.ContainsFunc(sortedKeys(w.held[cluster]), func(id string) bool {
		h := w.held[cluster][id]
		return isNamespace(&h.Object) && h.Object.Name == namespace
	}) {
		return ""
	}
	there, known := w.namespace(cluster, namespace)
	switch {
	case known && !there:
		return notFound(namespace)
	case !known:
		w.addMember("namespace-assumed", p, fmt.Sprintf("no placement brings the Namespace %s to these clusters: it is assumed to be there; where it is not, what lies in it cannot be applied", namespace),
			"place the Namespace as well, or ask with a capture of the members", cluster)
	}
	return ""
}

// namespace tells whether a member has a namespace, as far as its own report or what is
// known of it says.
func (w *world) namespace(cluster, namespace string) (there, known bool) {
	if m := w.member(cluster); m != nil && m.lacksNamespace(namespace) == absentNamespace {
		return false, true
	}
	if w.namespaces == nil {
		return false, false
	}
	return w.namespaces(cluster, namespace)
}

// arrived notes that a namespace is there, and has what waited for it tried again.
func (w *world) arrived(p *placed, cluster, namespace string) {
	delete(w.gone[cluster], namespace)
	for _, other := range w.order {
		d := other.deliveries[cluster]
		if other != p && d != nil && d.workIndex >= 0 && strings.Contains(d.failure, notFound(namespace)) {
			w.applyWork(other, cluster, d)
		}
	}
}

// dissolve takes everything in a namespace along with it, whoever has made it: of the other
// placements the member agents try it again, and fail.
func (w *world) dissolve(p *placed, cluster, namespace string) (freed []string) {
	if Undeletable(namespace) {
		return nil
	}
	if w.gone[cluster] == nil {
		w.gone[cluster] = map[string]bool{}
	}
	w.gone[cluster][namespace] = true
	var owners, lost []string
	for _, id := range sortedKeys(w.held[cluster]) {
		if h := w.held[cluster][id]; h.Object.Namespace == namespace {
			delete(w.held[cluster], id)
			freed = append(freed, id)
			lost = append(lost, h.Object.Kind+"/"+h.Object.Name)
			owners = append(owners, h.owner)
		}
	}
	if !w.quiet {
		text := fmt.Sprintf("the Namespace %s is removed from these clusters, and everything in it goes along: workloads, policies and exceptions, whoever has made them", namespace)
		if len(lost) > 0 {
			text += " (of what the hub places: " + strings.Join(lost, ", ") + ")"
		}
		w.addMember("namespace-removed", p, text, "keep a placement that brings the Namespace", cluster)
	}
	for _, other := range w.order {
		if d := other.deliveries[cluster]; other != p && d != nil && d.workIndex >= 0 && slices.Contains(owners, other.id) {
			w.applyWork(other, cluster, d)
		}
	}
	return freed
}
