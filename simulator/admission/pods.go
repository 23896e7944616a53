package admission

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/controller"

	"github.com/seatrial/seatrial/simulator/capture"
)

// template is what a workload says of its pods.
type template struct {
	corev1.PodTemplateSpec
	owner      metav1.OwnerReference
	controller string // whose service account makes the pods
	none       bool   // scaled to zero
	name       string // of the pod, where its controller gives one
	prefix     string // of the pod's generated name, where it is not the owner's
}

// podOf returns the request by which a controller would make a pod of a workload, the first
// where they differ; nil for other records and for workloads without pods. Policies that leave
// pod controllers alone refuse it where they admit the workload.
func podOf(rec *capture.Record) (*capture.Record, error) {
	t, err := templateOf(rec)
	if t == nil || err != nil || t.none || len(t.Spec.Containers) == 0 {
		return nil, err
	}
	object, err := t.pod(rec.Namespace)
	if err != nil {
		return nil, fmt.Errorf("make a pod of %s %s: %w", rec.Kind.Kind, rec.Name, err)
	}
	return madeOf(rec, capture.GVK{Version: "v1", Kind: "Pod"}, capture.GVR{Version: "v1", Resource: "pods"}, t.name, t.controller, object), nil
}

// pod is the pod that is made of the template, with the code that controllers share.
func (t *template) pod(namespace string) (json.RawMessage, error) {
	owner := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: t.owner.Name}}
	pod, err := controller.GetPodFromTemplate(&t.PodTemplateSpec, owner, &t.owner)
	if err != nil {
		return nil, err
	}
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.Name, pod.Namespace = t.name, namespace
	if t.prefix != "" {
		pod.GenerateName = t.prefix
	}
	return json.Marshal(pod)
}

// controllerRef is how an object names the controller that made it.
func controllerRef(apiVersion, kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: drawnUID, Controller: &yes, BlockOwnerDeletion: &yes}
}

// owned adds the owner and labels, given as key, value, key, value.
func (t *template) owned(apiVersion, kind, name string, labels ...string) *template {
	t.owner = controllerRef(apiVersion, kind, name)
	all := map[string]string{}
	for key, value := range t.Labels {
		all[key] = value
	}
	for i := 0; i+1 < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	t.Labels = all
	return t
}
