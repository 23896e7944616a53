package placement

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/policy"
)

// head is what decides whether an object is placed at all.
type head struct {
	Metadata struct {
		Labels            map[string]string `json:"labels"`
		OwnerReferences   []json.RawMessage `json:"ownerReferences"`
		DeletionTimestamp *metav1.Time      `json:"deletionTimestamp"`
	} `json:"metadata"`
	Type string `json:"type"` // of a Secret
}

func headOf(o *policy.Object) head {
	var out head
	_ = json.Unmarshal(o.JSON, &out) // what does not fit is not there
	return out
}

// reserved tells whether a namespace is never placed together with what lies in it.
// KubeFleet's flag for further ones is not known here.
func reserved(namespace string) bool {
	return strings.HasPrefix(namespace, "fleet-") || strings.HasPrefix(namespace, "kube-") || namespace == metav1.NamespaceDefault
}

var (
	disabledGroups = []string{clusterGroup, "events.k8s.io", "coordination.k8s.io", "metrics.k8s.io"}
	// Of KubeFleet's networking, the kinds that describe the fleet itself.
	disabledKinds = []groupKind{
		{"networking.fleet.azure.com", "ServiceImport"},
		{"networking.fleet.azure.com", "TrafficManagerProfile"},
		{"networking.fleet.azure.com", "TrafficManagerBackend"},
	}
	// At v0.3.1 the namespaced kinds of staged updates are missing from KubeFleet's list.
	enabledInV031 = []string{"StagedUpdateRun", "StagedUpdateStrategy", "ApprovalRequest"}
)

// disabled tells whether KubeFleet places no object of the kind.
func (h *Hub) disabled(gk groupKind, version string) bool {
	switch {
	case gk.group == placementGroup:
		envelope := gk.kind == "ClusterResourceEnvelope" || gk.kind == "ResourceEnvelope"
		return !envelope && !(h.release == V031 && slices.Contains(enabledInV031, gk.kind))
	case gk.group == "":
		return version == "v1" && (gk.kind == "Pod" || gk.kind == "Node")
	}
	return slices.Contains(disabledGroups, gk.group) || slices.Contains(disabledKinds, gk)
}

// propagated tells whether an object of an enabled kind is placed: not what controllers
// make of others, and not what is being deleted.
func (h *Hub) propagated(o *policy.Object, is head) bool {
	if is.Metadata.DeletionTimestamp != nil {
		return false
	}
	switch o.APIVersion + " " + o.Kind {
	case "apps/v1 ReplicaSet", "apps/v1 ControllerRevision":
		return len(is.Metadata.OwnerReferences) == 0
	case "v1 ConfigMap":
		return o.Name != "kube-root-ca.crt"
	case "v1 ServiceAccount":
		return o.Name != "default"
	case "v1 Secret":
		return is.Type != "kubernetes.io/service-account-token"
	case "v1 Endpoints":
		return !slices.ContainsFunc(h.Objects, func(s policy.Object) bool {
			return s.Kind == "Service" && s.APIVersion == "v1" && s.Namespace == o.Namespace && s.Name == o.Name
		})
	case "discovery.k8s.io/v1 EndpointSlice":
		_, managed := is.Metadata.Labels["endpointslice.kubernetes.io/managed-by"]
		return !managed
	}
	return true
}

// strip drops from an object what belongs to the hub alone.
func strip(o policy.Object) policy.Object {
	var object map[string]any
	if json.Unmarshal(o.JSON, &object) != nil {
		return o
	}
	metadata := mapping(object, "metadata")
	for _, field := range []string{"resourceVersion", "generation", "uid", "selfLink", "deletionTimestamp", "managedFields", "ownerReferences", "creationTimestamp"} {
		delete(metadata, field)
	}
	if annotations := mapping(metadata, "annotations"); annotations != nil {
		delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
		delete(annotations, "deployment.kubernetes.io/revision")
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
	}
	delete(object, "status")
	switch o.APIVersion + " " + o.Kind {
	case "v1 Service":
		stripService(mapping(object, "spec"))
	case "batch/v1 Job":
		stripJob(mapping(object, "spec"))
	}
	return o.With(encode(object))
}

// stripService drops the addresses that the hub gave a service.
func stripService(spec map[string]any) {
	if address, ok := spec["clusterIP"].(string); ok && address != "None" {
		delete(spec, "clusterIP")
		delete(spec, "clusterIPs")
	}
	delete(spec, "healthCheckNodePort")
	for _, port := range mappings(spec, "ports") {
		delete(port, "nodePort")
	}
}

// stripJob drops the selector and labels that the hub made up for a job.
func stripJob(spec map[string]any) {
	if manual, _ := spec["manualSelector"].(bool); manual {
		return
	}
	template := mapping(mapping(spec, "template"), "metadata")
	delete(template, "creationTimestamp")
	for _, labels := range []map[string]any{mapping(mapping(spec, "selector"), "matchLabels"), mapping(template, "labels")} {
		delete(labels, "controller-uid")
		delete(labels, "batch.kubernetes.io/controller-uid")
	}
}
