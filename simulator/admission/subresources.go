package admission

import (
	"context"
	"encoding/json"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/certificates/certificates"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/flowschema"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/prioritylevelconfiguration"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/servicecidr"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattachment"

	"github.com/seatrial/seatrial/simulator/capture"
)

// updating is what an API server does with a subresource before it stores it.
type updating interface {
	PrepareForUpdate(ctx context.Context, object, old runtime.Object)
	Canonicalize(object runtime.Object)
}

// partly are the API server's own strategies of subresources that are written as the object
// itself, by group, kind and subresource.
var partly = sync.OnceValue(func() map[string]updating {
	return map[string]updating{
		"apiextensions.k8s.io/CustomResourceDefinition/status":           customresourcedefinition.NewStatusStrategy(known()),
		"apps/DaemonSet/status":                                          daemonset.StatusStrategy,
		"apps/Deployment/status":                                         deployment.StatusStrategy,
		"apps/ReplicaSet/status":                                         replicaset.StatusStrategy,
		"apps/StatefulSet/status":                                        statefulset.StatusStrategy,
		"autoscaling/HorizontalPodAutoscaler/status":                     horizontalpodautoscaler.StatusStrategy,
		"batch/CronJob/status":                                           cronjob.StatusStrategy,
		"batch/Job/status":                                               job.StatusStrategy,
		"certificates.k8s.io/CertificateSigningRequest/approval":         certificates.ApprovalStrategy,
		"certificates.k8s.io/CertificateSigningRequest/status":           certificates.StatusStrategy,
		"/Namespace/finalize":                                            namespace.FinalizeStrategy,
		"/Namespace/status":                                              namespace.StatusStrategy,
		"/Node/status":                                                   node.StatusStrategy,
		"/PersistentVolume/status":                                       persistentvolume.StatusStrategy,
		"/PersistentVolumeClaim/status":                                  persistentvolumeclaim.StatusStrategy,
		"/Pod/ephemeralcontainers":                                       pod.EphemeralContainersStrategy,
		"/Pod/resize":                                                    pod.ResizeStrategy,
		"/Pod/status":                                                    pod.StatusStrategy,
		"/ReplicationController/status":                                  replicationcontroller.StatusStrategy,
		"/ResourceQuota/status":                                          resourcequota.StatusStrategy,
		"/Service/status":                                                service.StatusStrategy,
		"flowcontrol.apiserver.k8s.io/FlowSchema/status":                 flowschema.StatusStrategy,
		"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration/status": prioritylevelconfiguration.StatusStrategy,
		"networking.k8s.io/Ingress/status":                               ingress.StatusStrategy,
		"networking.k8s.io/ServiceCIDR/status":                           servicecidr.StatusStrategy,
		"policy/PodDisruptionBudget/status":                              poddisruptionbudget.StatusStrategy,
		"storage.k8s.io/VolumeAttachment/status":                         volumeattachment.StatusStrategy,
	}
})

// updatingOf is what is done with an update; false where that is not known here.
func updatingOf(rec *capture.Record) (updating, bool) {
	if rec.SubResource != "" {
		s, ok := partly()[rec.Kind.Group+"/"+rec.Kind.Kind+"/"+rec.SubResource]
		return s, ok
	}
	s, ok := strategyFor(rec)
	return s, ok
}

// storedOther does so with a subresource that is no part of its object, or whose strategy is
// not here.
func storedOther(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	switch {
	case rec.Kind == (capture.GVK{Group: "autoscaling", Version: "v1", Kind: "Scale"}):
		return storedScale(rec, object)
	case rec.Kind == (capture.GVK{Group: "authentication.k8s.io", Version: "v1", Kind: "TokenRequest"}):
		return storedToken(w, rec, object)
	case rec.SubResource == "status" && rec.Operation == capture.Update:
		return withStatus(rec.OldObject, object)
	}
	return object, nil
}

// storedScale is the scale of the object as it was, with the replicas that are asked for.
func storedScale(rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	var asked, made autoscalingv1.Scale
	if err := json.Unmarshal(object, &asked); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	if rec.Operation != capture.Update || json.Unmarshal(rec.OldObject, &made) != nil {
		return object, nil
	}
	made.Spec = asked.Spec
	return json.Marshal(&made)
}

// storedToken is a request for a token of a service account, as validating webhooks see it.
func storedToken(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	var token authenticationv1.TokenRequest
	if err := json.Unmarshal(object, &token); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	token.Name, token.Namespace = rec.Name, rec.Namespace
	if token.UID == "" {
		token.UID = drawnUID
		if account := named[corev1.ServiceAccount](w, "", "serviceaccounts", rec.Namespace, rec.Name); account != nil && account.UID != "" {
			token.UID = account.UID
		}
	}
	token.CreationTimestamp = timeOf(rec)
	token.Status = authenticationv1.TokenRequestStatus{}
	return json.Marshal(&token)
}

// withStatus is an object with the status of another.
func withStatus(raw, other json.RawMessage) (json.RawMessage, error) {
	var object, from map[string]json.RawMessage
	if err := json.Unmarshal(other, &from); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	if json.Unmarshal(raw, &object) != nil {
		return other, nil
	}
	delete(object, "status")
	if status, ok := from["status"]; ok {
		object["status"] = status
	}
	return json.Marshal(object)
}

// ofItself tells whether a request writes an object of its kind, or a part of one as such.
func ofItself(rec *capture.Record) bool {
	if rec.SubResource == "" {
		return true
	}
	if !known().Recognizes(schema.GroupVersionKind(rec.Kind)) {
		return rec.SubResource == "status"
	}
	_, ok := updatingOf(rec)
	return ok && rec.Operation == capture.Update
}
