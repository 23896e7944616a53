package admission

import (
	"context"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/kubernetes/pkg/registry/apps/controllerrevision"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/certificates/certificates"
	"k8s.io/kubernetes/pkg/registry/coordination/lease"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/event"
	"k8s.io/kubernetes/pkg/registry/core/limitrange"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/podtemplate"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/flowschema"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/prioritylevelconfiguration"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/ingressclass"
	"k8s.io/kubernetes/pkg/registry/networking/ipaddress"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/networking/servicecidr"
	"k8s.io/kubernetes/pkg/registry/node/runtimeclass"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/storage/csidriver"
	"k8s.io/kubernetes/pkg/registry/storage/csinode"
	"k8s.io/kubernetes/pkg/registry/storage/csistoragecapacity"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattachment"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattributesclass"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Clusters allow privileged containers, where no policy forbids them.
func init() { capabilities.Setup(true, 0) }

// strategy is what an API server does with objects of one kind before it stores them.
type strategy interface {
	rest.RESTCreateStrategy
	rest.RESTUpdateStrategy
}

// strategies are the API server's own, by group and kind. Kinds of admission configuration are
// not among them: no policy is asked about those. Nor are those of devices and of endpoints,
// whose strategies have too much in tow.
var strategies = sync.OnceValue(func() map[string]strategy {
	return map[string]strategy{
		"apiextensions.k8s.io/CustomResourceDefinition": customresourcedefinition.NewStrategy(known()),
		"apps/ControllerRevision":                       controllerrevision.Strategy,
		"apps/DaemonSet":                                daemonset.Strategy,
		"apps/Deployment":                               deployment.Strategy,
		"apps/ReplicaSet":                               replicaset.Strategy,
		"apps/StatefulSet":                              statefulset.Strategy,
		"autoscaling/HorizontalPodAutoscaler":           horizontalpodautoscaler.Strategy,
		"batch/CronJob":                                 cronjob.Strategy,
		"batch/Job":                                     job.Strategy,
		"certificates.k8s.io/CertificateSigningRequest": certificates.Strategy,
		"coordination.k8s.io/Lease":                     lease.Strategy,
		"/ConfigMap":                                    configmap.Strategy,
		"/Event":                                        event.Strategy,
		"/LimitRange":                                   limitrange.Strategy,
		"/Namespace":                                    namespace.Strategy,
		"/Node":                                         node.Strategy,
		"/PersistentVolume":                             persistentvolume.Strategy,
		"/PersistentVolumeClaim":                        persistentvolumeclaim.Strategy,
		"/Pod":                                          pod.Strategy,
		"/PodTemplate":                                  podtemplate.Strategy,
		"/ReplicationController":                        replicationcontroller.Strategy,
		"/ResourceQuota":                                resourcequota.Strategy,
		"/Secret":                                       secret.Strategy,
		"/Service":                                      service.Strategy,
		"/ServiceAccount":                               account{},
		"events.k8s.io/Event":                           event.Strategy,
		"flowcontrol.apiserver.k8s.io/FlowSchema":                 flowschema.Strategy,
		"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": prioritylevelconfiguration.Strategy,
		"networking.k8s.io/Ingress":                               ingress.Strategy,
		"networking.k8s.io/IngressClass":                          ingressclass.Strategy,
		"networking.k8s.io/IPAddress":                             ipaddress.Strategy,
		"networking.k8s.io/NetworkPolicy":                         networkpolicy.Strategy,
		"networking.k8s.io/ServiceCIDR":                           servicecidr.Strategy,
		"node.k8s.io/RuntimeClass":                                runtimeclass.Strategy,
		"policy/PodDisruptionBudget":                              poddisruptionbudget.Strategy,
		"rbac.authorization.k8s.io/ClusterRole":                   clusterrole.Strategy,
		"rbac.authorization.k8s.io/ClusterRoleBinding":            clusterrolebinding.Strategy,
		"rbac.authorization.k8s.io/Role":                          role.Strategy,
		"rbac.authorization.k8s.io/RoleBinding":                   rolebinding.Strategy,
		"scheduling.k8s.io/PriorityClass":                         priorityclass.Strategy,
		"storage.k8s.io/CSIDriver":                                csidriver.Strategy,
		"storage.k8s.io/CSINode":                                  csinode.Strategy,
		"storage.k8s.io/CSIStorageCapacity":                       csistoragecapacity.Strategy,
		"storage.k8s.io/StorageClass":                             storageclass.Strategy,
		"storage.k8s.io/VolumeAttachment":                         volumeattachment.Strategy,
		"storage.k8s.io/VolumeAttributesClass":                    volumeattributesclass.Strategy,
	}
})

// strategyFor is the strategy of a record's kind; false for kinds that have none here.
func strategyFor(rec *capture.Record) (strategy, bool) {
	s, ok := strategies()[rec.Kind.Group+"/"+rec.Kind.Kind]
	return s, ok && known().Recognizes(schema.GroupVersionKind(rec.Kind))
}

// plain is the strategy of kinds that have none here: such objects are stored as they are.
type plain struct{ strategy }

func (plain) PrepareForCreate(context.Context, runtime.Object)                 {}
func (plain) PrepareForUpdate(context.Context, runtime.Object, runtime.Object) {}
func (plain) Canonicalize(runtime.Object)                                      {}

// account is the strategy of ServiceAccounts.
type account struct{ plain }

func (account) ObjectKinds(o runtime.Object) ([]schema.GroupVersionKind, bool, error) {
	return legacyscheme.Scheme.ObjectKinds(o)
}
func (account) NamespaceScoped() bool                                            { return true }
func (account) WarningsOnCreate(context.Context, runtime.Object) []string        { return nil }
func (account) WarningsOnUpdate(_ context.Context, _, _ runtime.Object) []string { return nil }
func (account) Validate(_ context.Context, o runtime.Object) field.ErrorList {
	return validation.ValidateServiceAccount(o.(*core.ServiceAccount))
}
func (account) ValidateUpdate(_ context.Context, o, old runtime.Object) field.ErrorList {
	return validation.ValidateServiceAccountUpdate(o.(*core.ServiceAccount), old.(*core.ServiceAccount))
}
