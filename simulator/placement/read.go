package placement

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/policy"
)

// reader fills a hub, object by object, in the order in which they would be applied.
type reader struct {
	hub     *Hub
	seen    map[ObjectRef]*policy.Object
	derived map[string]int // objects that controllers make, by kind
	later   []func()       // checks that need the whole hub
	store   func(policy.Object) (policy.Object, []string, error)
}

// made are the kinds that KubeFleet's controllers make, by group.
var made = map[string][]string{
	placementGroup: {
		"ClusterSchedulingPolicySnapshot", "SchedulingPolicySnapshot", "ClusterResourceSnapshot", "ResourceSnapshot",
		"ClusterResourceBinding", "ResourceBinding", "ClusterResourceOverrideSnapshot", "ResourceOverrideSnapshot",
		"ClusterResourcePlacementStatus", "Work", "AppliedWork",
	},
	clusterGroup: {"InternalMemberCluster"},
}

// nextGroup is the API that is to follow KubeFleet's present one; no release has
// controllers for it.
const nextGroup = "placement.kubefleet.dev"

// Derived tells whether an object is one that KubeFleet's controllers make: a snapshot, a
// binding, a Work. Plans foretell them and never read them.
func Derived(o *policy.Object) bool {
	gk := groupKindOf(o)
	return slices.Contains(made[gk.group], gk.kind)
}

// unknownKind says that an object of KubeFleet's groups is of no kind that they have; ""
// for all others.
func unknownKind(gk groupKind) string {
	if _, own := made[gk.group]; !own || hubSchema().kinds[gk] != nil {
		return ""
	}
	var known []string
	for k := range hubSchema().kinds {
		if k.group == gk.group {
			known = append(known, k.kind)
		}
	}
	slices.Sort(known)
	return fmt.Sprintf("%s has no kind %s%s", gk.group, gk.kind, policy.DidYouMean(gk.kind, known))
}

// add takes one object. Cluster-scoped objects lose a namespace, namespaced ones get one,
// as an API server and kubectl have it.
func (r *reader) add(o *policy.Object) {
	if Derived(o) {
		r.derived[o.APIVersion+" "+o.Kind]++
		return
	}
	gk := groupKindOf(o)
	if reason := unknownKind(gk); reason != "" {
		r.problem(o, reason)
		return
	}
	if gk.group == nextGroup {
		r.warn(o, "nobody-acts", "no release of KubeFleet has controllers for "+o.APIVersion+": the object does nothing", "write it as "+placementGroup+"/v1")
		return
	}
	own := hubSchema().kinds[gk]
	object, err := decodeObject(o)
	if err != nil {
		r.problem(o, err.Error())
		return
	}
	r.place(o, object)
	if o.Name == "" {
		r.problem(o, unnamed(object))
		return
	}
	if first := r.seen[refOf(o).key()]; first != nil {
		r.problem(o, fmt.Sprintf("is defined twice; the first is at %s:%d", first.File, first.Line))
		return
	}
	r.seen[refOf(o).key()] = o
	if own == nil {
		*o = o.With(encode(object))
		r.other(o, object)
		return
	}
	r.own(o, own, object)
}

// other takes an object of another's kind, if the hub's API server does.
func (r *reader) other(o *policy.Object, object map[string]any) {
	if faults := metaFaults(o, object); len(faults) > 0 {
		r.problem(o, utilerrors.NewAggregate(faults).Error())
		return
	}
	if r.store != nil {
		stored, dropped, err := r.store(*o)
		if err != nil {
			r.problem(o, err.Error())
			return
		}
		for _, path := range dropped {
			r.warnPruned(o, prunedField{path: path})
		}
		*o = stored
	}
	r.hub.Objects = append(r.hub.Objects, *o)
}

// unnamed says what is wrong with an object without a name.
func unnamed(object map[string]any) string {
	if name, ok := mapping(object, "metadata")["name"]; ok && name != nil && name != "" {
		return "metadata.name is no string: put it into quotes"
	}
	if text(mapping(object, "metadata"), "generateName") != "" {
		return "has a metadata.generateName and no name: what it will be called is not known"
	}
	return "has no metadata.name"
}

func decodeObject(o *policy.Object) (map[string]any, error) {
	var object map[string]any
	if err := json.Unmarshal(o.JSON, &object); err != nil || object == nil {
		return nil, fmt.Errorf("is no JSON object")
	}
	if metadata, ok := object["metadata"]; ok {
		if _, ok := metadata.(map[string]any); !ok {
			return nil, fmt.Errorf("metadata is no mapping")
		}
	}
	return object, nil
}

// place gives the object the namespace that it has on a hub, and remembers the one that a
// cluster-scoped object claims.
func (r *reader) place(o *policy.Object, object map[string]any) {
	known := r.hub.kinds[groupKindOf(o)]
	metadata, _ := object["metadata"].(map[string]any)
	if known == nil || metadata == nil {
		return
	}
	claim, _ := metadata["namespace"].(string)
	switch {
	case known.namespaced && claim == "":
		metadata["namespace"], o.Namespace = metav1.NamespaceDefault, metav1.NamespaceDefault
	case known.namespaced:
		o.Namespace = claim
	default:
		delete(metadata, "namespace")
		o.Namespace = ""
		if claim == "" {
			claim = claimed(o)
		}
		if claim != "" {
			r.hub.claims[refOf(o).key()] = claim
		}
	}
}

// claimed is the namespace that the text of a cluster-scoped object names. Policy sets
// drop it from the object, as an API server does.
func claimed(o *policy.Object) string {
	if !strings.Contains(o.YAML, "namespace:") {
		return ""
	}
	var written struct{ Metadata struct{ Namespace string } }
	if yaml.Unmarshal([]byte(o.YAML), &written) != nil {
		return ""
	}
	return written.Metadata.Namespace
}

// own takes an object of KubeFleet's.
func (r *reader) own(o *policy.Object, kind *hubKind, object map[string]any) {
	_, version := groupVersion(o.APIVersion)
	if !slices.Contains(kind.versions, version) {
		r.problem(o, fmt.Sprintf("apiVersion %s of %s is not served; use %s", o.APIVersion, o.Kind, apiVersion(kind.group, kind.versions[0])))
		return
	}
	stored := &storing{schema: hubSchema(), kind: kind, version: version, release: r.hub.release}
	stored.object(object)
	for _, p := range stored.pruned {
		r.warnPruned(o, p)
	}
	faults := append(metaFaults(o, object), stored.faults...)
	if len(faults) == 0 {
		faults = rules(o, version, object, r.hub.release)
	}
	if len(faults) > 0 {
		r.problem(o, utilerrors.NewAggregate(faults).Error())
		return
	}
	object["apiVersion"] = apiVersion(kind.group, kind.versions[0])
	if err := r.typed(o, encode(object), version); err != nil {
		r.problem(o, err.Error())
	}
}

func (r *reader) warnPruned(o *policy.Object, p prunedField) {
	w := Warning{
		Code: "pruned", File: o.File, Line: o.Line, Object: refOf(o).String(),
		Text: fmt.Sprintf("unknown field %q: %s has no such field, so the API server drops it (kubectl apply refuses it)", p.path, o.APIVersion),
	}
	if len(p.versions) > 0 {
		group, _ := groupVersion(o.APIVersion)
		w.Fix = fmt.Sprintf("write the object as %s, which has the field", apiVersion(group, p.versions[0]))
	}
	r.hub.Warnings = append(r.hub.Warnings, w)
}

func (r *reader) warn(o *policy.Object, code, text, fix string) {
	r.hub.Warnings = append(r.hub.Warnings, Warning{Code: code, File: o.File, Line: o.Line, Object: refOf(o).String(), Text: text, Fix: fix})
}

func (r *reader) problem(o *policy.Object, reason string) {
	r.hub.Problems = append(r.hub.Problems, policy.Problem{File: o.File, Line: o.Line, Policy: strings.TrimSuffix(refOf(o).String(), "/"), Reason: reason})
}

// finish does what needs the whole hub.
func (r *reader) finish() {
	for _, check := range r.later {
		check()
	}
	for _, what := range slices.Sorted(maps.Keys(r.derived)) {
		r.hub.Warnings = append(r.hub.Warnings, Warning{Code: "not-read", Object: what, Text: fmt.Sprintf("%d of %s were not read: controllers make them, and the plan foretells what they hold", r.derived[what], what)})
	}
}

// encode writes a decoded object; what was decoded from JSON can always be written.
func encode(object map[string]any) json.RawMessage {
	content, _ := json.Marshal(object)
	return content
}
