package admission

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/networking"
	"k8s.io/kubernetes/pkg/apis/storage"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"

	"github.com/seatrial/seatrial/simulator/capture"
)

// plugins are the built-in admission plugins that change what is sent.
type plugins struct {
	world     *capture.World
	namespace string
}

// admit runs the plugins in the API server's order.
func (p plugins) admit(object runtime.Object, operation capture.Operation) error {
	create := operation == capture.Create
	switch o := object.(type) {
	case *core.Pod:
		if !create {
			tolerate(o)
			return nil
		}
		if err := p.limits(o); err != nil {
			return err
		}
		p.serviceAccount(o)
		if err := p.priority(o); err != nil {
			return err
		}
		tolerate(o)
		return p.runtimeClass(o)
	case *core.PersistentVolumeClaim:
		if create {
			p.storageClass(o)
			protect(&o.Finalizers, "kubernetes.io/pvc-protection")
		}
	case *core.PersistentVolume:
		if create {
			protect(&o.Finalizers, "kubernetes.io/pv-protection")
		}
	case *storage.VolumeAttributesClass:
		if create {
			protect(&o.Finalizers, "kubernetes.io/vac-protection")
		}
	case *core.Node:
		if create {
			taint(o)
		}
	case *networking.Ingress:
		if create {
			p.ingressClass(o)
		}
	}
	return nil
}

// taint adds the taint of TaintNodesByCondition.
func taint(node *core.Node) {
	fresh := core.Taint{Key: corev1.TaintNodeNotReady, Effect: core.TaintEffectNoSchedule}
	if !slices.ContainsFunc(node.Spec.Taints, func(t core.Taint) bool { return t.MatchTaint(fresh) }) {
		node.Spec.Taints = append(node.Spec.Taints, fresh)
	}
}

// knows tells whether what is not in the world does not exist.
func (p plugins) knows(group, resource string) bool {
	return p.world != nil && p.world.Knows(capture.GVR{Group: group, Resource: resource}, "")
}

// tolerate adds the tolerations of DefaultTolerationSeconds.
func tolerate(pod *core.Pod) {
	seconds := int64(300)
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		_, tolerated := first(pod.Spec.Tolerations, func(t core.Toleration) bool {
			return (t.Key == key || t.Key == "") && (t.Effect == core.TaintEffectNoExecute || t.Effect == "")
		})
		if !tolerated {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, core.Toleration{
				Key: key, Operator: core.TolerationOpExists, Effect: core.TaintEffectNoExecute, TolerationSeconds: &seconds,
			})
		}
	}
}

// The classes that every cluster has.
var systemPriorities = map[string]int32{"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}

// priority resolves the priority class. Of a class that is not known nothing is filled in.
func (p plugins) priority(pod *core.Pod) error {
	spec := &pod.Spec
	value, preempts := int32(0), core.PreemptLowerPriority
	if spec.PriorityClassName == "" {
		spec.PriorityClassName = p.defaultPriority()
	}
	system, ok := systemPriorities[spec.PriorityClassName]
	class := named[schedulingv1.PriorityClass](p.world, "scheduling.k8s.io", "priorityclasses", "", spec.PriorityClassName)
	switch {
	case ok:
		value = system
	case class != nil:
		value = class.Value
		if class.PreemptionPolicy != nil {
			preempts = core.PreemptionPolicy(*class.PreemptionPolicy)
		}
	case spec.PriorityClassName != "" && p.knows("scheduling.k8s.io", "priorityclasses"):
		return forbidden(pod, "no PriorityClass with name "+spec.PriorityClassName+" was found")
	case spec.PriorityClassName != "":
		return nil
	}
	const provided = " must not be provided in pod spec; priority admission controller computed %v from the given PriorityClass name"
	if spec.Priority != nil && *spec.Priority != value {
		return forbidden(pod, fmt.Sprintf("the integer value of priority (%d)"+provided, *spec.Priority, value))
	}
	if spec.PreemptionPolicy != nil && *spec.PreemptionPolicy != preempts {
		return forbidden(pod, fmt.Sprintf("the string value of PreemptionPolicy (%s)"+provided, *spec.PreemptionPolicy, preempts))
	}
	spec.Priority, spec.PreemptionPolicy = &value, &preempts
	return nil
}

// forbidden is a plugin's refusal of a pod, which may not have its name yet.
func forbidden(pod *core.Pod, reason string) *Refused {
	return &Refused{fmt.Sprintf("pods %q is forbidden: %s", cmp.Or(pod.Name, pod.GenerateName, "Unknown"), reason)}
}

// UnknownPriority is the name of the priority class of a new pod where its value is not known;
// empty for others.
func UnknownPriority(w *capture.World, rec *capture.Record, object json.RawMessage) string {
	if rec.Kind != (capture.GVK{Version: "v1", Kind: "Pod"}) || rec.Operation != capture.Create || !written(rec) {
		return ""
	}
	var pod struct {
		Spec struct{ PriorityClassName string }
	}
	if json.Unmarshal(object, &pod) != nil { // nobody can read it
		return ""
	}
	name, p := pod.Spec.PriorityClassName, plugins{w, rec.Namespace}
	_, system := systemPriorities[name]
	if name == "" || system || p.knows("scheduling.k8s.io", "priorityclasses") || named[schedulingv1.PriorityClass](w, "scheduling.k8s.io", "priorityclasses", "", name) != nil {
		return ""
	}
	return name
}

// defaultPriority is the global default: of several, the lowest.
func (p plugins) defaultPriority() string {
	var found *schedulingv1.PriorityClass
	for _, c := range in[schedulingv1.PriorityClass](p.world, "scheduling.k8s.io", "priorityclasses", "") {
		if c.GlobalDefault && (found == nil || c.Value < found.Value) {
			found = c
		}
	}
	if found == nil {
		return ""
	}
	return found.Name
}

// runtimeClass adds what a runtime costs and where it is.
func (p plugins) runtimeClass(pod *core.Pod) error {
	if pod.Spec.RuntimeClassName == nil {
		return nil
	}
	name := *pod.Spec.RuntimeClassName
	class := named[nodev1.RuntimeClass](p.world, "node.k8s.io", "runtimeclasses", "", name)
	if class == nil {
		if p.knows("node.k8s.io", "runtimeclasses") {
			return forbidden(pod, fmt.Sprintf("pod rejected: RuntimeClass %q not found", name))
		}
		return nil
	}
	if err := setOverhead(pod, class.Overhead); err != nil || class.Scheduling == nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(class.Scheduling.NodeSelector)) {
		if own, ok := pod.Spec.NodeSelector[key]; ok && own != class.Scheduling.NodeSelector[key] {
			return forbidden(pod, fmt.Sprintf("conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] = %s", key, class.Scheduling.NodeSelector[key], key, own))
		}
	}
	if pod.Spec.NodeSelector == nil {
		pod.Spec.NodeSelector = map[string]string{}
	}
	maps.Copy(pod.Spec.NodeSelector, class.Scheduling.NodeSelector)
	for _, t := range class.Scheduling.Tolerations {
		added := core.Toleration{
			Key: t.Key, Operator: core.TolerationOperator(t.Operator), Value: t.Value, Effect: core.TaintEffect(t.Effect), TolerationSeconds: t.TolerationSeconds,
		}
		if !slices.ContainsFunc(pod.Spec.Tolerations, func(have core.Toleration) bool { return have.MatchToleration(&added) }) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, added)
		}
	}
	return nil
}

// setOverhead gives a pod what its runtime costs. A pod may not say otherwise.
func setOverhead(pod *core.Pod, overhead *nodev1.Overhead) error {
	if overhead == nil {
		return nil
	}
	costs := core.ResourceList{}
	for resource, quantity := range overhead.PodFixed {
		costs[core.ResourceName(resource)] = quantity
	}
	if len(pod.Spec.Overhead) > 0 && !apiequality.Semantic.DeepEqual(costs, pod.Spec.Overhead) {
		return forbidden(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
	}
	pod.Spec.Overhead = costs
	return nil
}

func protect(finalizers *[]string, name string) {
	if !slices.Contains(*finalizers, name) {
		*finalizers = append(*finalizers, name)
	}
}

func (p plugins) storageClass(claim *core.PersistentVolumeClaim) {
	if claim.Spec.StorageClassName != nil || claim.Annotations[corev1.BetaStorageClassAnnotation] != "" {
		return
	}
	class, ok := first(in[storagev1.StorageClass](p.world, "storage.k8s.io", "storageclasses", ""), func(c *storagev1.StorageClass) bool {
		return c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" || c.Annotations["storageclass.beta.kubernetes.io/is-default-class"] == "true"
	})
	if ok {
		claim.Spec.StorageClassName = &class.Name
	}
}

func (p plugins) ingressClass(ingress *networking.Ingress) {
	if ingress.Spec.IngressClassName != nil || ingress.Annotations["kubernetes.io/ingress.class"] != "" {
		return
	}
	class, ok := first(in[networkingv1.IngressClass](p.world, "networking.k8s.io", "ingressclasses", ""), func(c *networkingv1.IngressClass) bool {
		return c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
	})
	if ok {
		ingress.Spec.IngressClassName = &class.Name
	}
}

// limits gives containers the defaults of the namespace's LimitRanges. Where several
// disagree an API server takes them in no order; here they come by name.
func (p plugins) limits(pod *core.Pod) error {
	for _, r := range in[corev1.LimitRange](p.world, "", "limitranges", p.namespace) {
		known().Default(r)
		if err := limitranger.PodMutateLimitFunc(r, pod); err != nil {
			return fmt.Errorf("apply the LimitRange %s/%s: %w", r.Namespace, r.Name, err)
		}
	}
	return nil
}
