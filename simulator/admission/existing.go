package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Existing returns an object of the world as an API server returns it, in a version of its kind.
// An object of a repository has the defaults of its kind and what else an API server adds, but for
// what that draws. A *Refused error says that no API server has it: it cannot be read.
func Existing(w *capture.World, o *capture.WorldObject, gvr capture.GVR) (json.RawMessage, error) {
	object := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(o.Object, &object.Object); err != nil {
		return nil, fmt.Errorf("decode a captured %s: %w", gvr.Resource, err)
	}
	raw, own := o.Object, object.GroupVersionKind()
	if object.GetUID() == "" { // no API server has returned it
		var err error
		if raw, err = asCreated(w, object, raw, gvr); err != nil {
			return nil, err
		}
	}
	asked := schema.GroupVersionKind{Group: own.Group, Version: gvr.Version, Kind: own.Kind}
	if gvr.Version == "" || own == asked {
		return raw, nil
	}
	if known().Recognizes(own) && known().Recognizes(asked) {
		return Convert(raw, capture.GVK(own), capture.GVK(asked))
	}
	return renamed(raw, asked.GroupVersion())
}

// asCreated is an object as an API server would have stored it, but for what that draws; as it is
// where a plugin would refuse it.
func asCreated(w *capture.World, object *unstructured.Unstructured, raw json.RawMessage, gvr capture.GVR) (json.RawMessage, error) {
	stored, err := asStored(w, object, raw, gvr)
	if stored == nil {
		return raw, err
	}
	var made map[string]any
	if err := utiljson.Unmarshal(stored, &made); err != nil {
		return nil, fmt.Errorf("decode a stored %s: %w", gvr.Resource, err)
	}
	undraw(made, object.Object)
	return json.Marshal(made)
}

// asStored is an object as an API server would have stored it; nil where a plugin would refuse it.
func asStored(w *capture.World, object *unstructured.Unstructured, raw json.RawMessage, gvr capture.GVR) (json.RawMessage, error) {
	rec := Creation(object, raw, gvr.Resource)
	made, err := Made(w, rec)
	var refused *Refused
	if errors.As(err, &refused) && !strings.HasPrefix(refused.Reason, Undecodable) {
		return nil, nil // it was taken once
	}
	return Returned(w, rec, made), err
}

// undraw takes out of a stored object what stands for values that an API server draws, and that
// the object did not have before.
func undraw(made, before map[string]any) {
	withoutUID(made)
	unstructured.RemoveNestedField(made, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(made, "status", "lastPhaseTransitionTime")
	unallocate(made, before)
}

// unallocate does so with the addresses and ports of a Service.
func unallocate(made, before map[string]any) {
	if made["kind"] != "Service" || made["apiVersion"] != "v1" {
		return
	}
	for _, field := range []string{"clusterIP", "clusterIPs", "healthCheckNodePort"} {
		if _, had, _ := unstructured.NestedFieldNoCopy(before, "spec", field); !had {
			unstructured.RemoveNestedField(made, "spec", field)
		}
	}
	written, _, _ := unstructured.NestedSlice(before, "spec", "ports")
	ports, _, _ := unstructured.NestedSlice(made, "spec", "ports")
	for i := range ports {
		port, _ := ports[i].(map[string]any)
		if i < len(written) {
			if own, _ := written[i].(map[string]any); own["nodePort"] != nil {
				continue
			}
		}
		delete(port, "nodePort")
	}
	if len(ports) > 0 {
		_ = unstructured.SetNestedSlice(made, ports, "spec", "ports") // it has just been read from there
	}
}

// withoutUID takes the uid that is drawn out of an object: a Job has it in its labels and its
// selector, too.
func withoutUID(in map[string]any) {
	for key, value := range in {
		switch v := value.(type) {
		case string:
			if IsDrawn(v) {
				delete(in, key)
			}
		case map[string]any:
			withoutUID(v)
		}
	}
}
