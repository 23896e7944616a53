package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/limitrange"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/podtemplate"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
)

// Clusters allow privileged containers, where no policy forbids them.
func init() { capabilities.Setup(true, 0) }

// strategy is what an API server does with objects of one kind before it stores them.
type strategy interface {
	rest.RESTCreateStrategy
	rest.RESTUpdateStrategy
}

// strategies are the API server's own, by group and kind.
var strategies = map[string]strategy{
	"apps/DaemonSet": daemonset.Strategy, "apps/Deployment": deployment.Strategy,
	"apps/ReplicaSet": replicaset.Strategy, "apps/StatefulSet": statefulset.Strategy,
	"autoscaling/HorizontalPodAutoscaler": horizontalpodautoscaler.Strategy,
	"batch/CronJob":                       cronjob.Strategy, "batch/Job": job.Strategy,
	"/ConfigMap": configmap.Strategy, "/Secret": secret.Strategy, "/Namespace": namespace.Strategy,
	"/LimitRange": limitrange.Strategy, "/ResourceQuota": resourcequota.Strategy,
	"/PersistentVolume": persistentvolume.Strategy, "/PersistentVolumeClaim": persistentvolumeclaim.Strategy,
	"/PodTemplate": podtemplate.Strategy, "/ReplicationController": replicationcontroller.Strategy,
	"networking.k8s.io/Ingress": ingress.Strategy, "networking.k8s.io/NetworkPolicy": networkpolicy.Strategy,
	"policy/PodDisruptionBudget":            poddisruptionbudget.Strategy,
	"rbac.authorization.k8s.io/ClusterRole": clusterrole.Strategy, "rbac.authorization.k8s.io/ClusterRoleBinding": clusterrolebinding.Strategy,
	"rbac.authorization.k8s.io/Role": role.Strategy, "rbac.authorization.k8s.io/RoleBinding": rolebinding.Strategy,
	"scheduling.k8s.io/PriorityClass": priorityclass.Strategy, "storage.k8s.io/StorageClass": storageclass.Strategy,
	"/Pod": plain{create: validPod, update: validPodUpdate},
	"/Service": plain{
		create: func(o runtime.Object) field.ErrorList { return corevalidation.ValidateServiceCreate(o.(*core.Service)) },
		update: func(o, old runtime.Object) field.ErrorList {
			return corevalidation.ValidateServiceUpdate(o.(*core.Service), old.(*core.Service))
		},
	},
	"/ServiceAccount": plain{
		create: func(o runtime.Object) field.ErrorList {
			return corevalidation.ValidateServiceAccount(o.(*core.ServiceAccount))
		},
		update: func(o, old runtime.Object) field.ErrorList {
			return corevalidation.ValidateServiceAccountUpdate(o.(*core.ServiceAccount), old.(*core.ServiceAccount))
		},
	},
}

// plain is the strategy of a namespaced kind whose own has more in tow than it validates.
type plain struct {
	create func(runtime.Object) field.ErrorList
	update func(after, before runtime.Object) field.ErrorList
}

func (plain) ObjectKinds(o runtime.Object) (kinds []schema.GroupVersionKind, unversioned bool, err error) {
	return legacyscheme.Scheme.ObjectKinds(o)
}
func (plain) Recognizes(gvk schema.GroupVersionKind) bool                               { return legacyscheme.Scheme.Recognizes(gvk) }
func (plain) GenerateName(base string) string                                           { return names.SimpleNameGenerator.GenerateName(base) }
func (plain) NamespaceScoped() bool                                                     { return true }
func (plain) AllowCreateOnUpdate() bool                                                 { return false }
func (plain) AllowUnconditionalUpdate() bool                                            { return true }
func (plain) PrepareForCreate(context.Context, runtime.Object)                          {}
func (plain) Canonicalize(runtime.Object)                                               {}
func (plain) WarningsOnCreate(context.Context, runtime.Object) []string                 { return nil }
func (plain) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string { return nil }
func (p plain) Validate(_ context.Context, o runtime.Object) field.ErrorList            { return p.create(o) }
func (p plain) ValidateUpdate(_ context.Context, o, old runtime.Object) field.ErrorList {
	return p.update(o, old)
}

// PrepareForUpdate keeps the status, which only controllers write.
func (plain) PrepareForUpdate(_ context.Context, o, old runtime.Object) {
	switch o := o.(type) {
	case *core.Pod:
		o.Status = old.(*core.Pod).Status
	case *core.Service:
		o.Status = old.(*core.Service).Status
	}
}

func validPod(o runtime.Object) field.ErrorList {
	pod := o.(*core.Pod)
	pod.Status = core.PodStatus{Phase: core.PodPending}
	opts := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
	opts.ResourceIsPod = true
	return corevalidation.ValidatePodCreate(pod, opts)
}

func validPodUpdate(o, before runtime.Object) field.ErrorList {
	pod, old := o.(*core.Pod), before.(*core.Pod)
	opts := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, &old.Spec, &pod.ObjectMeta, &old.ObjectMeta)
	opts.ResourceIsPod = true
	return corevalidation.ValidatePodUpdate(pod, old, opts)
}
