package placement

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seatrial/seatrial/simulator/policy"
)

// A selection is what a placement takes from a hub.
type selection struct {
	objects  []policy.Object // stripped, in the order of KubeFleet's snapshots
	refused  *Condition      // of Scheduled, when the selectors are invalid or cannot be resolved; nil: they are fine
	warnings []Warning
}

// refs names the selected objects, in order.
func (s *selection) refs() []ObjectRef {
	out := make([]ObjectRef, len(s.objects))
	for i := range s.objects {
		out[i] = refOf(&s.objects[i])
	}
	return out
}

// userError is a mistake of the selectors that fails the whole placement.
type userError struct{ text string }

func (e *userError) Error() string { return e.text }

// notSynced is an informer that never gets ready: KubeFleet tries again for ever.
type notSynced struct{ text string }

func (e *notSynced) Error() string { return e.text }

// selector resolves the selectors of one placement.
type selector struct {
	hub     *Hub
	p       *placement
	within  string // the namespace of NamespaceWithResourceSelectors
	taken   map[ObjectRef]bool
	objects []policy.Object
	notes   []Warning
}

// selects resolves the resource selectors of a placement. Objects carry the API version in
// which the hub would read them.
func (h *Hub) selects(p *placement) selection {
	s := &selector{hub: h, p: p, taken: map[ObjectRef]bool{}}
	err := s.resolve()
	switch err := err.(type) {
	case nil:
	case *userError:
		return selection{warnings: s.notes, refused: &Condition{Status: "False", Reason: "InvalidResourceSelectors", Message: "The resource selectors are invalid: failed to process the request due to a client error: " + err.text}}
	default:
		return selection{warnings: s.notes, refused: &Condition{Status: "Unknown", Reason: "SchedulePending", Message: err.Error()}}
	}
	slices.SortStableFunc(s.objects, compareForSnapshot)
	s.warnWrapped()
	s.warnReports()
	for i := range s.objects {
		s.objects[i] = strip(s.objects[i])
	}
	return selection{objects: s.objects, warnings: s.notes}
}

func (s *selector) resolve() error {
	selectors := s.p.spec.ResourceSelectors
	for _, one := range selectors {
		if one.isNamespace() && s.p.Namespace == "" && one.SelectionScope == namespaceWithResourceSelectors {
			if s.within = s.namespaceOf(one); s.within == "" {
				return &userError{fmt.Sprintf("invalid clusterResourcePlacement %s: NamespaceWithResourceSelectors mode requires exactly one namespace, but no namespaces were selected", s.p.Name)}
			}
			break
		}
	}
	for _, one := range selectors {
		if s.hub.disabled(groupKind{one.Group, one.Kind}, one.Version) {
			s.note("kind-disabled", fmt.Sprintf("KubeFleet does not place %s %s: the selector is skipped", apiVersion(one.Group, one.Version), one.Kind), "")
			continue
		}
		found, err := s.find(one)
		if err != nil {
			return err
		}
		for _, o := range found {
			ref := refOf(&o)
			if s.taken[ref] {
				return &userError{fmt.Sprintf("found duplicate resource {Group:%s Version:%s Kind:%s Name:%s Namespace:%s Envelope:<nil>}", ref.Group, ref.Version, ref.Kind, ref.Name, ref.Namespace)}
			}
			s.taken[ref] = true
			s.objects = append(s.objects, o)
		}
	}
	return nil
}

// find returns what one selector takes.
func (s *selector) find(one resourceSelector) ([]policy.Object, error) {
	key := s.key()
	if one.isNamespace() {
		if s.p.Namespace != "" {
			return nil, &userError{fmt.Sprintf("invalid placement %s: cannot select cluster-scoped resource Namespace in a resourcePlacement", key)}
		}
		if one.SelectionScope != namespaceOnly && one.SelectionScope != namespaceWithResourceSelectors {
			return s.namespaces(one)
		}
	}
	kind, err := s.kind(one)
	if err != nil {
		return nil, err
	}
	namespace := s.p.Namespace
	if kind.namespaced && namespace == "" {
		namespace = s.within
	}
	resource := fmt.Sprintf("%s/%s, Resource=%s", one.Group, one.Version, kind.plural)
	preferred := len(kind.versions) == 0 || kind.versions[0] == one.Version
	switch {
	// KubeFleet takes a version that it does not watch for namespaced.
	case (kind.namespaced || !preferred) && namespace == "":
		return nil, &userError{fmt.Sprintf("invalid placement %s: cannot select namespace-scoped resource %s in a clusterResourcePlacement", key, resource)}
	case !kind.namespaced && preferred && s.p.Namespace != "":
		return nil, &userError{fmt.Sprintf("invalid placement %s: cannot select cluster-scoped resource %s in a resourcePlacement", key, resource)}
	case !preferred:
		return nil, &notSynced{fmt.Sprintf("informer cache for %s is not synced yet", resource)}
	}
	return s.match(one, kind, namespace)
}

// key is the placement as KubeFleet prints it.
func (s *selector) key() string { return s.p.Namespace + "/" + s.p.Name }

// kind is what the hub serves of the selected kind. Of kinds that nobody knows, it is
// taken to be what the placement may select.
func (s *selector) kind(one resourceSelector) (*served, error) {
	if err := s.hub.kinds.mapped(one); err != nil {
		return nil, &userError{fmt.Sprintf("invalid placement %s, failed to get GVR of the selector: %v", s.key(), err)}
	}
	if known := s.hub.kinds[groupKind{one.Group, one.Kind}]; known != nil {
		return known, nil
	}
	return &served{groupKind: groupKind{one.Group, one.Kind}, plural: strings.ToLower(one.Kind) + "s", namespaced: s.p.Namespace != "" || s.within != ""}, nil
}

// match returns the objects of a kind that the selector's name or labels take.
func (s *selector) match(one resourceSelector, kind *served, namespace string) ([]policy.Object, error) {
	wanted, err := labelsOf(one)
	if err != nil {
		return nil, err
	}
	var out []policy.Object
	for _, o := range s.hub.Objects {
		if groupKindOf(&o) != kind.groupKind || kind.namespaced && o.Namespace != namespace || one.Name != "" && o.Name != one.Name {
			continue
		}
		if head := headOf(&o); s.hub.propagated(&o, head) && (one.Name != "" || wanted.Matches(labels.Set(head.Metadata.Labels))) {
			out = append(out, s.hub.read(o, one.Version))
		}
	}
	if len(out) == 0 {
		s.warnNothing(one, namespace)
	}
	return out, nil
}

// labelsOf is the selector's labels; all objects when it has none.
func labelsOf(one resourceSelector) (labels.Selector, error) {
	if one.LabelSelector == nil {
		return labels.Everything(), nil
	}
	wanted, err := metav1.LabelSelectorAsSelector(one.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("cannot convert the label selector to a selector: %w", err)
	}
	return wanted, nil
}

// namespaces returns the selected namespaces with everything in them.
func (s *selector) namespaces(one resourceSelector) ([]policy.Object, error) {
	wanted, err := labelsOf(one)
	if err != nil {
		return nil, err
	}
	var names []string
	if one.Name != "" {
		names = []string{one.Name}
	} else {
		for _, o := range s.hub.Objects {
			if isNamespace(&o) && wanted.Matches(labels.Set(headOf(&o).Metadata.Labels)) {
				names = append(names, o.Name)
			}
		}
	}
	var out []policy.Object
	for _, name := range names {
		if reserved(name) {
			return nil, &userError{fmt.Sprintf("invalid clusterRresourcePlacement %s: namespace %s is not allowed to propagate", s.p.Name, name)}
		}
		out = append(out, s.hub.inNamespace(name)...)
	}
	if len(out) == 0 {
		s.warnNothing(one, "")
	}
	return out, nil
}

// namespaceOf is the name of the one namespace that the others select in; "" when it is
// not there or may not be placed.
func (s *selector) namespaceOf(one resourceSelector) string {
	for _, o := range s.hub.Objects {
		if isNamespace(&o) && o.Name == one.Name && headOf(&o).Metadata.DeletionTimestamp == nil && !reserved(o.Name) {
			return o.Name
		}
	}
	return ""
}

// inNamespace returns a namespace and all that lies in it and may be placed; nothing when
// the namespace is not on the hub, or is being deleted.
func (h *Hub) inNamespace(name string) []policy.Object {
	var out []policy.Object
	there := false
	for _, o := range h.Objects {
		head := headOf(&o)
		if isNamespace(&o) && o.Name == name && head.Metadata.DeletionTimestamp == nil {
			there = true
			out = append(out, h.read(o, ""))
		}
		_, version := groupVersion(o.APIVersion)
		if o.Namespace == name && !h.disabled(groupKindOf(&o), version) && h.propagated(&o, head) {
			out = append(out, h.read(o, ""))
		}
	}
	if !there {
		return nil
	}
	return out
}

// read is the object as the hub's informers hold it: in the preferred version of its kind,
// or in the given one where the kind is not known. The API server converts between the
// versions of built-in kinds, which is not done here: they keep the one they were written in.
func (h *Hub) read(o policy.Object, version string) policy.Object {
	kind := h.kinds[groupKindOf(&o)]
	if kind != nil && kind.builtin {
		return o
	}
	if kind != nil {
		version = kind.versions[0]
	}
	group, written := groupVersion(o.APIVersion)
	if version == "" || version == written {
		return o
	}
	var object map[string]any
	if json.Unmarshal(o.JSON, &object) != nil {
		return o
	}
	o.APIVersion = apiVersion(group, version)
	object["apiVersion"] = o.APIVersion
	return o.With(encode(object))
}

func isNamespace(o *policy.Object) bool { return o.Kind == "Namespace" && o.APIVersion == "v1" }

// snapshotOrder is the order of kinds in KubeFleet's snapshots. Others, Kyverno's among
// them, come last.
var snapshotOrder = strings.Fields(`PriorityClass Namespace NetworkPolicy ResourceQuota LimitRange
	PodDisruptionBudget ServiceAccount Secret ConfigMap StorageClass PersistentVolume
	PersistentVolumeClaim CustomResourceDefinition ClusterRole ClusterRoleBinding Role RoleBinding
	Service DaemonSet Pod ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler
	StatefulSet Job CronJob IngressClass Ingress APIService MutatingWebhookConfiguration
	ValidatingWebhookConfiguration`)

func compareForSnapshot(a, b policy.Object) int {
	x, y := slices.Index(snapshotOrder, a.Kind), slices.Index(snapshotOrder, b.Kind)
	if x < 0 {
		x = len(snapshotOrder)
	}
	if y < 0 {
		y = len(snapshotOrder)
	}
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(gvkText(&a), gvkText(&b)), cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
}

// gvkText is a kind as KubeFleet sorts it.
func gvkText(o *policy.Object) string {
	group, version := groupVersion(o.APIVersion)
	return group + "/" + version + ", Kind=" + o.Kind
}
