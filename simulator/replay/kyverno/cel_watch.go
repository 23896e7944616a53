package kyverno

import (
	"maps"

	"github.com/google/cel-go/common/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"

	"github.com/seatrial/seatrial/simulator/capture"
)

// A policy that names a value which is not known may decide without it: for a Service of another name,
// or a condition that comes before. CEL takes a value of its own inside an object as it is. So the objects
// of a request may be made of such that notice whether an evaluation came to what is not known. One that
// did not, rests on nothing of it.

// drawsHidden stands for the values of Secrets, which are in no capture.
const drawsHidden draws = 1 << 31

// The fields that hold what may not be known, by what they are in.
var (
	metadataDrawn = map[string]draws{"uid": drawsUID, "creationTimestamp": drawsCreated, "resourceVersion": drawsVersion,
		"generation": drawsGeneration, "managedFields": drawsManagers}
	specDrawn = map[string]draws{"clusterIP": drawsAddress, "clusterIPs": drawsAddress, "healthCheckNodePort": drawsHealth}
	portDrawn = map[string]draws{"nodePort": drawsPort}
)

const (
	drawsInSpec     = drawsAddress | drawsHealth | drawsPort
	drawsInMetadata = drawsUID | drawsCreated | drawsVersion | drawsGeneration | drawsManagers
)

// watch notices which values of a request's objects an evaluation comes to.
type watch struct{ of, touched draws }

// untouched are the values that are not known, where an evaluation came to none of them. One that came
// to one might come to others by another value of it.
func (w *watch) untouched() draws {
	if w == nil || w.of&w.touched != 0 {
		return 0
	}
	return w.of
}

// watching is a watch for what a policy reads and this request does not know; nil where there is nothing
// to gain by one.
func (n *celNeeds) watching(req *request) *watch {
	if n.body || !n.parted || req.env.mocks != nil {
		return nil
	}
	w := &watch{of: n.drawn & (drawsInSpec | drawsInMetadata)}
	if w.of != 0 {
		w.of &= req.placeholders()
	}
	if token := req.adm.Kind.Kind == "TokenRequest" || req.adm.Kind.Kind == "TokenReview"; !token && n.secrets.hidden(req) {
		w.of |= drawsHidden
	}
	if w.of == 0 {
		return nil
	}
	return w
}

// without are the needs of a policy that came to none of some values.
func (n *celNeeds) without(untouched draws) *celNeeds {
	if untouched == 0 {
		return n
	}
	rest := *n
	rest.drawn &^= untouched
	if untouched&drawsHidden != 0 {
		rest.secrets = secretive{}
	}
	return &rest
}

// attributes are those of a request with its objects watched. They are for evaluations alone.
func (w *watch) attributes(req *request, attr admission.Attributes) admission.Attributes {
	if w == nil {
		return attr
	}
	return req.attributes(w.object(attr.GetObject()), w.object(attr.GetOldObject()))
}

// versioned does the same for the API server's own policies.
func (w *watch) versioned(attr *admission.VersionedAttributes) *admission.VersionedAttributes {
	if w == nil {
		return attr
	}
	watched := *attr
	watched.VersionedObject, watched.VersionedOldObject = w.object(attr.VersionedObject), w.object(attr.VersionedOldObject)
	return &watched
}

// object is an object with values in it that are watched.
func (w *watch) object(o runtime.Object) runtime.Object {
	u, ok := o.(*unstructured.Unstructured)
	if !ok || u == nil || u.Object == nil {
		return o
	}
	root := maps.Clone(u.Object)
	if metadata, ok := root["metadata"].(map[string]any); ok {
		root["metadata"] = w.metadata(maps.Clone(metadata))
	}
	if spec, ok := root["spec"].(map[string]any); ok && w.of&drawsInSpec != 0 {
		root["spec"] = w.spec(maps.Clone(spec))
	}
	for _, field := range []string{"data", "stringData"} {
		if values, ok := root[field].(map[string]any); ok && u.GetKind() == "Secret" && w.of&drawsHidden != 0 {
			all := map[string]draws{}
			for name := range values {
				all[name] = drawsHidden
			}
			root[field] = w.fields(values, all, 0)
		} else if root[field] != nil && u.GetKind() == "Secret" {
			w.touched |= drawsHidden // it is no map
		}
	}
	if u.GetKind() == "Secret" && root["data"] == nil && root["stringData"] == nil {
		w.touched |= drawsHidden // not even its keys are known
	}
	return &unstructured.Unstructured{Object: root}
}

func (w *watch) metadata(metadata map[string]any) *watchedMap {
	var below draws
	if annotations, ok := metadata["annotations"].(map[string]any); ok && w.of&drawsHidden != 0 {
		hidden := map[string]draws{}
		for name, value := range annotations {
			if value == capture.Hidden {
				hidden[name], below = drawsHidden, drawsHidden
			}
		}
		metadata["annotations"] = w.fields(annotations, hidden, 0)
	}
	return w.fields(metadata, metadataDrawn, below)
}

func (w *watch) spec(spec map[string]any) *watchedMap {
	if ports, ok := spec["ports"].([]any); ok {
		watched := make([]any, len(ports))
		for i, port := range ports {
			watched[i] = port
			if fields, ok := port.(map[string]any); ok {
				watched[i] = w.fields(fields, portDrawn, 0)
			}
		}
		spec["ports"] = &watchedList{types.NewDynamicList(types.DefaultTypeAdapter, watched), noticed{drawsPort, &w.touched}}
	}
	return w.fields(spec, specDrawn, drawsPort)
}

// fields are those of a map, some of which are watched; below is what others hold.
func (w *watch) fields(content map[string]any, each map[string]draws, below draws) *watchedMap {
	for _, one := range each {
		below |= one
	}
	return &watchedMap{types.NewStringInterfaceMap(types.DefaultTypeAdapter, content), noticed{below, &w.touched}, each}
}
