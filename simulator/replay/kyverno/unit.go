package kyverno

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// unit is one policy, compiled once with the exceptions that name it. eval may be
// called by several goroutines at a time, each with its own request.
type unit interface {
	ref() verdict.PolicyRef
	eval(ctx context.Context, req *request) answer
}

// phase says where in an admission a unit runs.
type phase int

// The phases, in the order the API server and Kyverno run them.
const (
	phaseMutateCEL  phase = iota // MutatingAdmissionPolicy (in process), then webhooks by name: mpol …
	phaseMutate                  // … then mutate.kyverno.svc
	phaseVerify                  // verifyImages rules, after the mutations
	phaseValidate                // ClusterPolicy, ValidatingPolicy, ImageValidatingPolicy, ValidatingAdmissionPolicy
	phaseBackground              // generate, mutate existing: after admission
	phaseSchedule                // CleanupPolicy, DeletingPolicy: not on admission at all
	phaseScan                    // the background scan of what is in the cluster: see [Engine.Scan]
)

// answer is what one unit said of one request.
type answer struct {
	verdicts []verdict.Verdict
	object   []byte // JSON of the object after this unit; nil when unchanged
	deny     string // what the user would be told; empty when the unit does not deny
	wordless bool   // it denies, and a message of its rule's own is empty
	early    bool   // the API server says so, without asking the unit's webhook
	broken   bool   // the engine panicked: the webhook gives no answer, for none of its policies
	dies     bool   // … nor does Kyverno, which dies of it
	instead  string // what the user may be told in the place of deny
	// failures are the rules of a classic policy, by name, that the blocked message would
	// list. Kyverno joins those of all policies into one message.
	failures  map[string]string
	warnings  []string            // sent back to the user
	reworded  map[string][]string // warnings, with the words that they may have instead
	generated []verdict.Generated
	others    []answer // with other words, of which Kyverno draws one
	maybe     bool     // whether the object is changed is not known, what it is changed to is
	unpinned  bool     // an image's digest would have been put into the object, but is not known
}

// refuses tells whether the answer denies the request.
func (a *answer) refuses() bool { return a.deny != "" || a.wordless }

// blame denies the request in the words of a rule, which may be none.
func (a *answer) blame(message string) { a.deny, a.wordless = message, message == "" }

// request is one admission request in the forms that the engines want. Each worker
// makes its own; it is not safe for concurrent use.
type request struct {
	rec *capture.Record
	// adm is the request as the API server would send it. Mutating units' results are
	// put into adm.Object.Raw before the next unit runs.
	adm  admissionv1.AdmissionRequest
	sent []byte // the object before any policy
	// kind is the kind of the parent resource: Pod for pods/exec.
	kind   schema.GroupVersionKind
	orphan bool // of a subresource whose parent's kind is not in the capture
	// equivalents are the other versions of the kind in which webhooks may get it.
	equivalents []equivalent
	// namespace is the Namespace object of a namespaced request. Where the capture does
	// not hold it, it has just the name and the label that every namespace has, and
	// namespaceKnown is false.
	namespace      *corev1.Namespace
	namespaceKnown bool
	roles          []string // "namespace:name"
	clusterRoles   []string
	rolesLost      bool // the bindings at the time of the request are not known
	look           lookup
	before         lookup // as it was when the request was made
	env            *environment
	misses         misses
	classic        classicRequest
	cel            celRequest
	nobody         bool   // sends it: the background scan asks
	asker          string // the controller of Kyverno that looks things up; empty is that of admission
	unit           unit   // that is asked
	unpinned       bool   // images may have digests that are not known
	creates        bool   // its object, which is not in the cluster before all webhooks have said yes
	assumed        bool   // that the old object, which is not known, is one that the policy selects
}

// oldUnknown tells of an update that the object before it, which selectors may select as well,
// is not known.
func (r *request) oldUnknown() bool {
	return r.adm.Operation == admissionv1.Update && r.rec.Lacks(capture.MissingOldObject)
}

// oldUnsure tells that the object before is not known as it was stored: selectors may select it.
func (r *request) oldUnsure() bool {
	return r.oldUnknown() || r.asSent()
}

// makes tells of the object that the request is about to create.
func (r *request) makes(gvr schema.GroupVersionResource, namespace, name string) bool {
	return r.creates && gvr.Group == r.rec.Resource.Group && gvr.Resource == r.rec.Resource.Resource &&
		namespace == r.rec.Namespace && name == r.rec.Name && name != ""
}

// userKnown tells whether the capture says who sent the request.
func (r *request) userKnown() bool {
	return r.adm.UserInfo.Username != "" || r.nobody || r.env.mocks != nil
}

// lookup answers what policies ask of the cluster from the capture. An object that the
// capture proves absent is a NotFound API error; one that it cannot know is [errUnknown].
type lookup interface {
	// get returns the object as the API server would, as a fresh copy.
	get(gvr schema.GroupVersionResource, namespace, name string) (map[string]any, error)
	// list returns objects in namespace (empty: all) sorted by namespace and name, as fresh copies.
	list(gvr schema.GroupVersionResource, namespace string) ([]map[string]any, error)
	// kindFor and resourceFor are discovery.
	kindFor(gvr schema.GroupVersionResource) (schema.GroupVersionKind, bool)
	resourceFor(gvk schema.GroupVersionKind) (gvr schema.GroupVersionResource, namespaced, ok bool)
	// each calls f for every known kind, in no particular order.
	each(f func(schema.GroupVersionKind, schema.GroupVersionResource))
}

// errUnknown says that the capture does not hold what was asked for, and does not prove it absent.
var errUnknown = errors.New("not in the capture")

// miss is something that a policy asked for and the capture could not answer.
type miss struct {
	reason, resolve string
	rule            string // that asked; empty where that is not known
}

// misses collects what one evaluation could not know.
type misses struct {
	all  []miss
	rule string // being evaluated
}

func (m *misses) add(reason, resolve string) {
	if one := (miss{reason, resolve, m.rule}); !slices.Contains(m.all, one) {
		m.all = append(m.all, one)
	}
}

// take returns the misses since the last take.
func (m *misses) take() []miss {
	all := m.all
	m.all, m.rule = nil, ""
	return all
}

// undecided turns v into an undecided verdict for the first of the misses.
func undecided(v verdict.Verdict, found []miss) verdict.Verdict {
	v.Outcome, v.Reason, v.Resolve = verdict.Undecided, found[0].reason, found[0].resolve
	if more := len(found) - 1; more > 0 {
		v.Reason += fmt.Sprintf(" (and %d more)", more)
	}
	return v
}

// phased is a unit and where it runs.
type phased struct {
	phase phase
	unit  unit
}

// seer is a unit that can tell cheaply that it has nothing to say of a request.
type seer interface{ sees(*request) bool }

// kindred is a unit that matches a subresource by its parent's kind.
type kindred interface{ minds(*request) bool }

// silent is a unit that can tell that the body of a request does not matter to it.
type silent interface{ silentOn(*request) bool }

// auditor is a unit that can tell that whatever it says of a request refuses nothing, its match
// conditions apart.
type auditor interface{ onlyAudits(*request) bool }
