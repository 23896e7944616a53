package admission

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/seatrial/seatrial/simulator/capture"
)

// plugins are the built-in admission plugins that change what is created.
type plugins struct {
	world     *capture.World
	namespace string
}

func (p plugins) admit(object runtime.Object) {
	switch o := object.(type) {
	case *corev1.Pod:
		p.limits(o)
		p.serviceAccount(o)
		tolerate(o)
		p.priority(o)
	case *corev1.PersistentVolumeClaim:
		p.storageClass(o)
	case *networkingv1.Ingress:
		p.ingressClass(o)
	}
}

// tolerate adds the tolerations of DefaultTolerationSeconds.
func tolerate(pod *corev1.Pod) {
	seconds := int64(300)
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		_, tolerated := first(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
			return (t.Key == key || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "")
		})
		if !tolerated {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
				Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds,
			})
		}
	}
}

// The classes that every cluster has.
var systemPriorities = map[string]int32{"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}

// priority resolves the priority class.
func (p plugins) priority(pod *corev1.Pod) {
	spec := &pod.Spec
	value, preempts := int32(0), corev1.PreemptLowerPriority
	if spec.PriorityClassName == "" {
		class, ok := first(in[schedulingv1.PriorityClass](p.world, "scheduling.k8s.io", "priorityclasses", ""), func(c *schedulingv1.PriorityClass) bool { return c.GlobalDefault })
		if ok {
			spec.PriorityClassName = class.Name
		}
	}
	if system, ok := systemPriorities[spec.PriorityClassName]; ok {
		value = system
	} else if class := named[schedulingv1.PriorityClass](p.world, "scheduling.k8s.io", "priorityclasses", "", spec.PriorityClassName); class != nil {
		value = class.Value
		if class.PreemptionPolicy != nil {
			preempts = *class.PreemptionPolicy
		}
	}
	if spec.Priority == nil {
		spec.Priority = &value
	}
	if spec.PreemptionPolicy == nil {
		spec.PreemptionPolicy = &preempts
	}
}

// isDefault reads the annotation of a default class.
func isDefault(annotations map[string]string, key string) bool { return annotations[key] == "true" }

func (p plugins) storageClass(claim *corev1.PersistentVolumeClaim) {
	if claim.Spec.StorageClassName != nil || claim.Annotations[corev1.BetaStorageClassAnnotation] != "" {
		return
	}
	class, ok := first(in[storagev1.StorageClass](p.world, "storage.k8s.io", "storageclasses", ""), func(c *storagev1.StorageClass) bool {
		return isDefault(c.Annotations, "storageclass.kubernetes.io/is-default-class")
	})
	if ok {
		claim.Spec.StorageClassName = &class.Name
	}
}

func (p plugins) ingressClass(ingress *networkingv1.Ingress) {
	if ingress.Spec.IngressClassName != nil || ingress.Annotations["kubernetes.io/ingress.class"] != "" {
		return
	}
	class, ok := first(in[networkingv1.IngressClass](p.world, "networking.k8s.io", "ingressclasses", ""), func(c *networkingv1.IngressClass) bool {
		return isDefault(c.Annotations, networkingv1.AnnotationIsDefaultIngressClass)
	})
	if ok {
		ingress.Spec.IngressClassName = &class.Name
	}
}

// limits gives containers the defaults of the namespace's LimitRanges.
func (p plugins) limits(pod *corev1.Pod) {
	for _, r := range in[corev1.LimitRange](p.world, "", "limitranges", p.namespace) {
		for _, item := range r.Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
				for i := range containers {
					fill(&containers[i].Resources.Limits, item.Default)
					fill(&containers[i].Resources.Requests, requestsOf(item))
				}
			}
		}
	}
}

// requestsOf are the default requests of a LimitRange, as the API server defaults them:
// the default limits where they name none.
func requestsOf(item corev1.LimitRangeItem) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, value := range item.Default {
		out[name] = value
	}
	for name, value := range item.Min {
		if _, ok := out[name]; !ok {
			out[name] = value
		}
	}
	for name, value := range item.DefaultRequest {
		out[name] = value
	}
	return out
}

func fill(list *corev1.ResourceList, defaults corev1.ResourceList) {
	for name, value := range defaults {
		if _, ok := (*list)[name]; ok {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = value
	}
}
