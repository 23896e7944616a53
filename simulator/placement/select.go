package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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
