package kyverno

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kyverno/kyverno/ext/wildcard"
	kubeutils "github.com/kyverno/kyverno/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// reading is what the reports controller of a cluster may read: of other kinds there are no
// results. nil is that of a capture that does not show it, which reads everything.
type reading struct {
	rights *rights
	mu     sync.Mutex
	unread map[string][]string // verbs that are lacking, by kinds as policies write them
}

// reading are the rights of the reports controller to what it scans.
func (r *rights) reading() *reading {
	if r == nil || !r.accounts[reportsSuffix].shown {
		return nil
	}
	return &reading{rights: r, unread: map[string][]string{}}
}

// lacking are the verbs that it may not use on a resource, of those that Kyverno asks about.
func (r *reading) lacking(gvr schema.GroupVersionResource) (lacks []string) {
	if r == nil {
		return nil
	}
	for _, verb := range []string{"get", "list", "watch"} {
		if _, ruled := r.rights.rule(r.rights.accounts[reportsSuffix].asks(verb, gvr, "", "")); !ruled.allowed {
			lacks = append(lacks, verb)
		}
	}
	return lacks
}

// accountGroups are the groups of a service account.
func accountGroups(account string) []string {
	parts := strings.Split(account, ":")
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + parts[2], "system:authenticated"}
}

// blind tells whether it does not see the object of a request. It lists and watches.
func (r *reading) blind(gvr schema.GroupVersionResource) bool {
	lacks := r.lacking(gvr)
	return slices.Contains(lacks, "list") || slices.Contains(lacks, "watch")
}

// missed remembers that policies would have been asked about what it does not see.
func (r *reading) missed(req *request, units []phased) {
	lacks := r.lacking(schema.GroupVersionResource(req.rec.Resource))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range units {
		if pre, ok := u.unit.(seer); ok && !pre.sees(req) {
			continue
		}
		r.unread[writtenKind(u.unit, req.kind)] = lacks
	}
}

// writtenKind is a kind as a policy writes it.
func writtenKind(u unit, kind schema.GroupVersionKind) string {
	scan, ok := u.(*classicScan)
	if !ok {
		return kind.Kind
	}
	for i := range scan.policy.GetSpec().Rules {
		for _, written := range scan.policy.GetSpec().Rules[i].MatchResources.GetKinds() {
			group, version, name, _ := kubeutils.ParseKindSelector(written)
			if name == kind.Kind && wildcard.Match(group, kind.Group) && wildcard.Match(version, kind.Version) {
				return written
			}
		}
	}
	return kind.Kind
}

// bodiless counts by kind what was not scanned, because only its name is known.
type bodiless struct {
	mu    sync.Mutex
	kinds map[string]int
}

func (b *bodiless) add(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kinds == nil {
		b.kinds = map[string]int{}
	}
	b.kinds[kind]++
}

func (b *bodiless) notes() (notes []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(b.kinds)) {
		notes = append(notes, fmt.Sprintf("PolicyReports have no results here for objects of kind %s whose bodies are not in the capture: %d", kind, b.kinds[kind]))
	}
	return notes
}

// Unread says what the scans had to leave out: what is not in the capture, and, in the words with
// which Kyverno warns of it when a policy is created, what it may not read.
func (e *Engine) Unread() []string {
	notes := e.bodiless.notes()
	if e.reads == nil {
		return notes
	}
	e.reads.mu.Lock()
	defer e.reads.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(e.reads.unread)) {
		notes = append(notes, fmt.Sprintf("PolicyReports have no results for %s: %s requires permissions %s for resource %s",
			kind, e.reads.rights.accounts[reportsSuffix].name, strings.Join(e.reads.unread[kind], ","), kind))
	}
	return notes
}
