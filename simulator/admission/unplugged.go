package admission

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/networking"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Fields of new objects that built-in plugins fill in by classes, which a capture may not hold.
const (
	FieldPriority     = "priority"
	FieldOverhead     = "overhead"
	FieldStorageClass = "storageClassName"
	FieldIngressClass = "ingressClassName"
)

// Unplugged are the fields of an object, as the plugins have left it, that they would have filled
// in by what the capture does not hold: whether there is a default class, or what a class says.
func Unplugged(w *capture.World, rec *capture.Record, object json.RawMessage) (fields []string) {
	if rec.Operation != capture.Create || !written(rec) || rec.Answered() || w == nil {
		return nil
	}
	p := plugins{w, rec.Namespace}
	switch rec.Kind.Group + "/" + rec.Kind.Kind {
	case "/Pod":
		if UnknownPriority(w, rec, object) != "" {
			fields = append(fields, FieldPriority)
		}
		pod, ok := internal(object, rec).(*core.Pod)
		if ok && pod.Spec.RuntimeClassName != nil && pod.Spec.Overhead == nil && p.lacks("node.k8s.io", "runtimeclasses", *pod.Spec.RuntimeClassName) {
			fields = append(fields, FieldOverhead)
		}
	case "/PersistentVolumeClaim":
		claim, ok := internal(object, rec).(*core.PersistentVolumeClaim)
		if ok && claim.Spec.StorageClassName == nil && claim.Annotations[corev1.BetaStorageClassAnnotation] == "" && !p.knows("storage.k8s.io", "storageclasses") {
			fields = append(fields, FieldStorageClass)
		}
	case "networking.k8s.io/Ingress":
		ingress, ok := internal(object, rec).(*networking.Ingress)
		if ok && ingress.Spec.IngressClassName == nil && ingress.Annotations["kubernetes.io/ingress.class"] == "" && !p.knows(networkingv1.GroupName, "ingressclasses") {
			fields = append(fields, FieldIngressClass)
		}
	}
	return fields
}

// lacks tells that a class is neither in the world nor known to be missing.
func (p plugins) lacks(group, resource, name string) bool {
	found, known := p.world.Get(capture.GVR{Group: group, Version: "v1", Resource: resource}, "", name)
	return found == nil && !known
}

// internal is an object as an API server holds it; nil where it does not decode.
func internal(object json.RawMessage, rec *capture.Record) any {
	inside, err := decode(object, schema.GroupVersionKind(rec.Kind))
	if err != nil {
		return nil
	}
	return inside
}
