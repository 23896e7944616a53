package admission

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"

	"github.com/seatrial/seatrial/simulator/capture"
)

// What an API server draws for an object, of the right length and form.
const (
	drawnUID     = "00000000-0000-0000-0000-000000000000"
	drawnSuffix  = "xxxxx" // of a generated name
	drawnAddress = "10.96.0.10"
	drawnPort    = 30000
)

// IsDrawn tells whether a uid stands for one that an API server would draw.
func IsDrawn(uid string) bool { return uid == drawnUID }

// Generated is the name that an object gets which is created without one.
func Generated(prefix string) string {
	const longest = 63 - len(drawnSuffix)
	return prefix[:min(len(prefix), longest)] + drawnSuffix
}

// Stored returns an object as webhooks that validate get it: between mutation and
// validation an API server makes it what it would store. It draws a name and an identity,
// counts generations, and lets nobody but controllers write a status. Names and addresses
// that are drawn are placeholders here.
func Stored(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	if rec.SubResource != "" || len(object) == 0 || rec.Operation != capture.Create && rec.Operation != capture.Update {
		return object, nil
	}
	var after, before map[string]any
	if err := json.Unmarshal(object, &after); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	meta, _ := after["metadata"].(map[string]any)
	if meta == nil {
		return object, nil
	}
	if rec.Operation == capture.Create {
		created(w, rec, after, meta)
		return json.Marshal(after)
	}
	if len(rec.OldObject) == 0 {
		return object, nil
	}
	if err := json.Unmarshal(rec.OldObject, &before); err != nil {
		return nil, fmt.Errorf("decode the old object: %w", err)
	}
	updated(w, rec, after, before, meta)
	return json.Marshal(after)
}

func created(w *capture.World, rec *capture.Record, object, meta map[string]any) {
	if prefix, _ := meta["generateName"].(string); prefix != "" && (meta["name"] == nil || meta["name"] == "") {
		meta["name"] = Generated(prefix)
	}
	at := time.Unix(0, 0)
	if rec.Time != nil {
		at = *rec.Time
	}
	meta["uid"], meta["creationTimestamp"] = drawnUID, at.UTC().Format(time.RFC3339)
	delete(meta, "resourceVersion")
	delete(meta, "generation")
	if counted(rec.Kind) {
		meta["generation"] = 1
	}
	if status, own := initialStatus(w, rec, object); own && status == nil {
		delete(object, "status")
	} else if own {
		object["status"] = status
	}
	switch rec.Kind.Group + "/" + rec.Kind.Kind {
	case "/Service":
		addressed(object)
	case "/Namespace":
		spec, _ := object["spec"].(map[string]any)
		if spec == nil || spec["finalizers"] == nil {
			object["spec"] = map[string]any{"finalizers": []any{"kubernetes"}}
		}
	case "apps/DaemonSet":
		annotations, _ := meta["annotations"].(map[string]any)
		if annotations[templateGeneration] != nil {
			annotations[templateGeneration] = "1" // the generation again
		}
	}
}

const templateGeneration = "deprecated.daemonset.template.generation"

func updated(w *capture.World, rec *capture.Record, object, before, meta map[string]any) {
	old, _ := before["metadata"].(map[string]any)
	if meta["uid"] == nil && old["uid"] != nil {
		meta["uid"] = old["uid"]
	}
	for _, field := range []string{"creationTimestamp", "generation"} {
		if old[field] != nil {
			meta[field] = old[field]
		}
	}
	if n, ok := old["generation"].(float64); ok && counted(rec.Kind) && !reflect.DeepEqual(object["spec"], before["spec"]) {
		meta["generation"] = n + 1
	}
	if _, own := initialStatus(w, rec, object); own && before["status"] != nil {
		object["status"] = before["status"]
	}
}

// The kinds of Kubernetes whose generation is counted, and those with a status of their
// own that only controllers write.
var (
	counts = []string{
		"apps/Deployment", "apps/ReplicaSet", "apps/StatefulSet", "apps/DaemonSet", "batch/Job", "batch/CronJob",
		"/Pod", "/ReplicationController", "/PodTemplate", "networking.k8s.io/Ingress", "networking.k8s.io/IngressClass", "networking.k8s.io/NetworkPolicy",
		"policy/PodDisruptionBudget", "discovery.k8s.io/EndpointSlice", "scheduling.k8s.io/PriorityClass", "apiextensions.k8s.io/CustomResourceDefinition",
		"admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration",
		"admissionregistration.k8s.io/ValidatingAdmissionPolicy", "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
	}
	reports = []string{
		"apps/Deployment", "apps/ReplicaSet", "apps/StatefulSet", "apps/DaemonSet", "batch/Job", "batch/CronJob",
		"/ReplicationController", "/Service", "/ResourceQuota", "/PersistentVolumeClaim", "networking.k8s.io/Ingress", "policy/PodDisruptionBudget", "autoscaling/HorizontalPodAutoscaler",
	}
	phases = map[string]string{"/PersistentVolume": "Pending", "/Namespace": "Active"}
)

func counted(kind capture.GVK) bool {
	return !known().Recognizes(schema.GroupVersionKind(kind)) && kind.Kind != "Event" && hasDot(kind.Group) || slices.Contains(counts, kind.Group+"/"+kind.Kind)
}

func hasDot(group string) bool { return slices.Contains([]byte(group), '.') }

// initialStatus is the status of a new object; own is false where requests write it.
func initialStatus(w *capture.World, rec *capture.Record, object map[string]any) (status any, own bool) {
	key := rec.Kind.Group + "/" + rec.Kind.Kind
	gvk := schema.GroupVersionKind(rec.Kind)
	switch {
	case key == "/Pod":
		return podStatus(object), true
	case phases[key] != "":
		return map[string]any{"phase": phases[key]}, true
	case slices.Contains(reports, key):
		typed, err := known().New(gvk)
		if err != nil {
			return nil, false
		}
		var zero map[string]any
		content, err := json.Marshal(typed)
		if err != nil || json.Unmarshal(content, &zero) != nil {
			return nil, false
		}
		return zero["status"], true
	case !known().Recognizes(gvk):
		return nil, hasStatus(w, rec)
	}
	return nil, false
}

func podStatus(object map[string]any) any {
	status := map[string]any{"phase": "Pending"}
	var pod corev1.Pod
	if content, err := json.Marshal(object); err == nil && json.Unmarshal(content, &pod) == nil {
		pod.Status.QOSClass = ""
		status["qosClass"] = string(qos.ComputePodQOS(&pod))
	}
	return status
}

// hasStatus tells whether a custom resource has a status of its own.
func hasStatus(w *capture.World, rec *capture.Record) bool {
	type definition struct {
		Spec struct {
			Versions []struct {
				Name         string `json:"name"`
				Subresources struct {
					Status *struct{} `json:"status"`
				} `json:"subresources"`
			} `json:"versions"`
		} `json:"spec"`
	}
	crd := named[definition](w, "apiextensions.k8s.io", "customresourcedefinitions", "", rec.Resource.Resource+"."+rec.Resource.Group)
	if crd == nil {
		return false
	}
	for _, v := range crd.Spec.Versions {
		if v.Name == rec.Kind.Version {
			return v.Subresources.Status != nil
		}
	}
	return false
}

// addressed gives a service its address, its families and its ports on nodes.
func addressed(object map[string]any) {
	spec, _ := object["spec"].(map[string]any)
	if spec == nil || spec["type"] == "ExternalName" {
		return
	}
	set := func(field string, value any) {
		if spec[field] == nil || spec[field] == "" {
			spec[field] = value
		}
	}
	headless := spec["clusterIP"] == "None"
	set("clusterIP", drawnAddress)
	set("clusterIPs", []any{spec["clusterIP"]})
	if selector, _ := spec["selector"].(map[string]any); headless && len(selector) == 0 {
		set("ipFamilyPolicy", "RequireDualStack")
		set("ipFamilies", []any{"IPv4", "IPv6"})
	}
	set("ipFamilies", []any{"IPv4"})
	set("ipFamilyPolicy", "SingleStack")
	if spec["type"] != "NodePort" && (spec["type"] != "LoadBalancer" || spec["allocateLoadBalancerNodePorts"] == false) {
		return
	}
	ports, _ := spec["ports"].([]any)
	for i, p := range ports {
		if port, ok := p.(map[string]any); ok && port["nodePort"] == nil {
			port["nodePort"] = drawnPort + i
		}
	}
}
