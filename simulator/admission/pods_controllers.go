package admission

import (
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	daemon "k8s.io/kubernetes/pkg/controller/daemon/util"
)

// drawnNode stands for the node that a DaemonSet's pod is made for.
const drawnNode = "node"

// statefulPods is the first pod of a StatefulSet: with its own name, and the volumes of the
// claims that are made for it instead of those of the same name.
func statefulPods(set *appsv1.StatefulSet) *template {
	ordinal := "0"
	if set.Spec.Ordinals != nil {
		ordinal = strconv.Itoa(int(set.Spec.Ordinals.Start))
	}
	name := set.Name + "-" + ordinal
	t := &template{PodTemplateSpec: set.Spec.Template, controller: "statefulset-controller", none: isZero(set.Spec.Replicas), name: name}
	hash := hashOf(set.Spec.Template)
	t.Spec.Hostname, t.Spec.Subdomain = name, set.Spec.ServiceName
	var volumes []corev1.Volume
	for _, claim := range set.Spec.VolumeClaimTemplates {
		source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name + "-" + name}}
		volumes = append(volumes, corev1.Volume{Name: claim.Name, VolumeSource: source})
	}
	for _, v := range t.Spec.Volumes {
		if !slices.ContainsFunc(set.Spec.VolumeClaimTemplates, func(c corev1.PersistentVolumeClaim) bool { return c.Name == v.Name }) {
			volumes = append(volumes, v)
		}
	}
	t.Spec.Volumes = volumes
	return t.owned("apps/v1", "StatefulSet", set.Name, appsv1.ControllerRevisionHashLabelKey, set.Name+"-"+hash,
		appsv1.StatefulSetPodNameLabel, name, appsv1.PodIndexLabel, ordinal)
}

// daemonPods is the pod that a DaemonSet makes for a node: it tolerates what befalls nodes,
// and no other node may run it.
func daemonPods(set *appsv1.DaemonSet) *template {
	generation, err := daemon.GetTemplateGeneration(set)
	if first := int64(1); generation == nil && err == nil {
		generation = &first // which the API server counts
	}
	made := daemon.CreatePodTemplate(set.Spec.Template, generation, hashOf(set.Spec.Template))
	made.Spec.Affinity = daemon.ReplaceDaemonSetPodNodeNameNodeAffinity(made.Spec.Affinity, drawnNode)
	t := &template{PodTemplateSpec: made, controller: "daemon-set-controller"}
	return t.owned("apps/v1", "DaemonSet", set.Name)
}

// jobPods is the first pod of a Job, which the Job's controller counts by a finalizer.
func jobPods(spec batchv1.JobSpec, name string) *template {
	t := &template{PodTemplateSpec: spec.Template, controller: "job-controller", none: isZero(spec.Parallelism)}
	if !slices.Contains(t.Finalizers, batchv1.JobTrackingFinalizer) {
		t.Finalizers = append(t.Finalizers, batchv1.JobTrackingFinalizer)
	}
	if spec.CompletionMode != nil && *spec.CompletionMode == batchv1.IndexedCompletion {
		t.indexed(name, spec.BackoffLimitPerIndex != nil)
	}
	if spec.ManualSelector != nil && *spec.ManualSelector {
		return t.owned("batch/v1", "Job", name)
	}
	return t.owned("batch/v1", "Job", name, batchv1.JobNameLabel, name, "job-name", name, batchv1.ControllerUidLabel, drawnUID, "controller-uid", drawnUID)
}

// indexed makes the template that of a Job's first index.
func (t *template) indexed(name string, retried bool) {
	const index = "0"
	t.Labels = with(t.Labels, batchv1.JobCompletionIndexAnnotation, index)
	t.Annotations = with(t.Annotations, batchv1.JobCompletionIndexAnnotation, index)
	if retried {
		t.Annotations[batchv1.JobIndexFailureCountAnnotation] = "0"
	}
	t.Spec.Hostname = name + "-" + index
	const longest = 63 - len(drawnSuffix)
	end := "-" + index + "-"
	t.prefix = name[:min(len(name), longest-len(end))] + end
	for _, containers := range [][]corev1.Container{t.Spec.InitContainers, t.Spec.Containers} {
		for i := range containers {
			tellIndex(&containers[i])
		}
	}
}

// tellIndex gives a container of an indexed Job its index, where it does not set it itself.
func tellIndex(c *corev1.Container) {
	const env = "JOB_COMPLETION_INDEX"
	if slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == env }) {
		return
	}
	field := &corev1.ObjectFieldSelector{FieldPath: fmt.Sprintf("metadata.labels['%s']", batchv1.JobCompletionIndexAnnotation)}
	c.Env = append(c.Env, corev1.EnvVar{Name: env, ValueFrom: &corev1.EnvVarSource{FieldRef: field}})
}

// with is a map with one more entry.
func with(all map[string]string, key, value string) map[string]string {
	if all == nil {
		all = map[string]string{}
	}
	all[key] = value
	return all
}
