package admission

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/scheduling"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Validate runs the built-in plugins that refuse an object after it was mutated and
// before any webhook that validates is asked: the bounds of LimitRanges, a second PriorityClass
// that is the default, and PodSecurity by the labels of the namespace. It also refuses a namespace's labels that it cannot read,
// unless they were there already. A *Refused error says that no such webhook would be asked;
// others are ours. What a cluster's own configuration exempts from PodSecurity, or demands
// where a namespace has no labels, is in no capture. Quotas come after the webhooks.
func Validate(w *capture.World, rec *capture.Record, object json.RawMessage) error {
	if !Guards(w, rec) {
		return nil
	}
	var validate func(runtime.Object) error
	p := plugins{w, rec.Namespace}
	switch rec.Kind.Group + "/" + rec.Kind.Kind {
	case "/Namespace":
		validate = func(o runtime.Object) error { return validateLevels(rec, o.(*core.Namespace)) }
	case "/Pod":
		validate = func(o runtime.Object) error { return p.validatePod(o.(*core.Pod)) }
	case "/PersistentVolumeClaim":
		validate = func(o runtime.Object) error { return p.validateClaim(o.(*core.PersistentVolumeClaim)) }
	case priorityClass:
		validate = func(o runtime.Object) error { return p.validatePriorityClass(rec, o.(*scheduling.PriorityClass)) }
	default:
		return nil
	}
	inside, err := decode(object, schema.GroupVersionKind(rec.Kind))
	if err != nil {
		return err
	}
	return validate(inside)
}

// Guards tells whether [Validate] has anything to ask of a record's object.
func Guards(w *capture.World, rec *capture.Record) bool {
	if !written(rec) || rec.SubResource != "" || w == nil {
		return false
	}
	kind := rec.Kind.Group + "/" + rec.Kind.Kind
	if kind == "/Namespace" || kind == priorityClass {
		return true
	}
	if rec.Operation != capture.Create || kind != "/Pod" && kind != "/PersistentVolumeClaim" {
		return false
	}
	p := plugins{w, rec.Namespace}
	ranges, _ := w.Guessing().List(capture.GVR{Resource: "limitranges"}, rec.Namespace)
	return len(ranges) > 0 || kind == "/Pod" && p.levels().Enforce.Level != podsecurity.LevelPrivileged
}

func (p plugins) validatePod(pod *core.Pod) error {
	for _, r := range in[corev1.LimitRange](p.world, "", "limitranges", p.namespace) {
		known().Default(r)
		if err := limitranger.PodValidateLimitFunc(r, pod); err != nil {
			return &Refused{fmt.Sprintf("pods %q is forbidden: %v", pod.Name, err)}
		}
	}
	return p.secure(pod)
}

func (p plugins) validateClaim(claim *core.PersistentVolumeClaim) error {
	for _, r := range in[corev1.LimitRange](p.world, "", "limitranges", p.namespace) {
		known().Default(r)
		if err := limitranger.PersistentVolumeClaimValidateLimitFunc(r, claim); err != nil {
			return &Refused{fmt.Sprintf("persistentvolumeclaims %q is forbidden: %v", claim.Name, err)}
		}
	}
	return nil
}

const priorityClass = "scheduling.k8s.io/PriorityClass"

// validatePriorityClass refuses a second class that is the default of all pods. To who creates one
// that is there already, that one is the second.
func (p plugins) validatePriorityClass(rec *capture.Record, class *scheduling.PriorityClass) error {
	other := p.defaultPriority()
	again := rec.Operation == capture.Create && rec.Standing
	if !class.GlobalDefault || other == "" || other == class.Name && !again {
		return nil
	}
	return &Refused{fmt.Sprintf("priorityclasses.scheduling.k8s.io %q is forbidden: PriorityClass %s is already marked as default. Only one default can exist", class.Name, other)}
}

// privileged is what an API server demands of namespaces without labels.
var privileged = podsecurity.Policy{
	Enforce: podsecurity.LevelVersion{Level: podsecurity.LevelPrivileged, Version: podsecurity.LatestVersion()},
	Audit:   podsecurity.LevelVersion{Level: podsecurity.LevelPrivileged, Version: podsecurity.LatestVersion()},
	Warn:    podsecurity.LevelVersion{Level: podsecurity.LevelPrivileged, Version: podsecurity.LatestVersion()},
}

type evaluator interface {
	EvaluatePod(level podsecurity.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec) []policy.CheckResult
}

var checks = sync.OnceValues(func() (evaluator, error) { return policy.NewEvaluator(policy.DefaultChecks(), nil) })

// secure is PodSecurity's answer to a new pod. A level that does not parse is restricted,
// as the API server takes it.
func (p plugins) secure(pod *core.Pod) error {
	levels := p.levels()
	if levels.Enforce.Level == podsecurity.LevelPrivileged {
		return nil
	}
	var outside corev1.Pod
	if err := known().Convert(pod, &outside, nil); err != nil {
		return fmt.Errorf("convert the pod %s: %w", pod.Name, err)
	}
	all, err := checks()
	if err != nil {
		return fmt.Errorf("the checks of PodSecurity: %w", err)
	}
	result := policy.AggregateCheckResults(all.EvaluatePod(levels.Enforce, &outside.ObjectMeta, &outside.Spec))
	if result.Allowed {
		return nil
	}
	return &Refused{fmt.Sprintf("pods %q is forbidden: violates PodSecurity %q: %s", pod.Name, levels.Enforce, result.ForbiddenDetail())}
}

// validateLevels is PodSecurity's answer to a namespace.
func validateLevels(rec *capture.Record, namespace *core.Namespace) error {
	_, errs := podsecurity.PolicyToEvaluate(namespace.Labels, privileged)
	var old metav1.PartialObjectMetadata
	if rec.Operation == capture.Update && json.Unmarshal(rec.OldObject, &old) == nil {
		if _, before := podsecurity.PolicyToEvaluate(old.Labels, privileged); reflect.DeepEqual(errs, before) {
			return nil
		}
	}
	return invalid(rec, rec.Name, errs)
}

// levels are what the labels of the namespace demand of pods.
func (p plugins) levels() podsecurity.Policy {
	namespace := named[corev1.Namespace](p.world, "", "namespaces", "", p.namespace)
	if namespace == nil {
		return privileged
	}
	levels, _ := podsecurity.PolicyToEvaluate(namespace.Labels, privileged)
	return levels
}
