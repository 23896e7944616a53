package source

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ofItself are the subresources that are written, and answered, as the object itself.
var ofItself = map[string]bool{"": true, "status": true, "ephemeralcontainers": true, "resize": true, "finalize": true, "approval": true}

// waits tells of an object that a deletion only marked: finalizers, or a time of grace, keep it.
func waits(object map[string]any) bool {
	grace, _ := at(object, ".metadata.deletionGracePeriodSeconds")
	return marked(object) && (kept(object) || grace != nil && grace != int64(0))
}

// deleted tells of a marked object that an update took the last finalizer from.
func deleted(object map[string]any) bool { return marked(object) && !waits(object) }

func marked(object map[string]any) bool {
	at, ok := at(object, ".metadata.deletionTimestamp")
	return ok && at != nil
}

// kept tells of finalizers, of which namespaces have others besides.
func kept(object map[string]any) bool {
	finalizers, _ := at(object, ".metadata.finalizers")
	own, _ := at(object, ".spec.finalizers")
	some := func(list any) bool { names, _ := list.([]any); return len(names) > 0 }
	return some(finalizers) || text(object, "kind") == "Namespace" && text(object, "apiVersion") == "v1" && some(own)
}

// bound is a pod after its binding to a node, whose topology an API server writes into the
// pod's labels; nil where the pod or the node is not known.
func (a *auditor) bound(e *event, key stateKey) map[string]any {
	binding, _ := e.body(e.RequestObject)
	name, _ := at(binding, ".target.name")
	node := stateKey{resource: "nodes"}
	node.name, _ = name.(string)
	there, pod := a.state[node], a.state[key]
	if there == nil {
		there = a.snapshot[node]
	}
	if pod == nil || there == nil || key.resource != "pods" || key.group != "" || unstructured.SetNestedField(pod, name, "spec", "nodeName") != nil {
		return nil
	}
	o := &unstructured.Unstructured{Object: pod}
	unstructured.RemoveNestedField(pod, "status", "nominatedNodeName")
	from := &unstructured.Unstructured{Object: binding}
	o.SetAnnotations(with(o.GetAnnotations(), from.GetAnnotations()))
	o.SetLabels(with(o.GetLabels(), with(from.GetLabels(), topologyOf(there))))
	if !scheduled(pod, e) {
		return nil
	}
	return pod
}

// topologyOf are the labels of a node that an API server copies into those of its pods.
func topologyOf(node map[string]any) map[string]string {
	topology := (&unstructured.Unstructured{Object: node}).GetLabels()
	maps.DeleteFunc(topology, func(name, _ string) bool {
		return name != corev1.LabelTopologyZone && name != corev1.LabelTopologyRegion
	})
	return topology
}

func with(some, more map[string]string) map[string]string {
	if len(some) == 0 {
		return more
	}
	maps.Copy(some, more)
	return some
}

// scheduled notes in the status of a pod that it has a node, as its binding does.
func scheduled(pod map[string]any, e *event) bool {
	conditions, _, err := unstructured.NestedSlice(pod, "status", "conditions")
	if err != nil {
		return false
	}
	is := map[string]any{"type": string(corev1.PodScheduled), "status": string(corev1.ConditionTrue), "lastProbeTime": nil, "lastTransitionTime": nil}
	if e.StageTime != nil {
		is["lastTransitionTime"] = e.StageTime.UTC().Format(time.RFC3339)
	}
	i := slices.IndexFunc(conditions, func(c any) bool { one, _ := c.(map[string]any); return text(one, "type") == text(is, "type") })
	if i < 0 {
		conditions = append(conditions, is)
	} else {
		conditions[i] = is
	}
	return unstructured.SetNestedSlice(pod, conditions, "status", "conditions") == nil
}
