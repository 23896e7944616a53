package admission

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/seatrial/seatrial/simulator/capture"
)

// template is what a workload says of its pods.
type template struct {
	corev1.PodTemplateSpec
	owner      metav1.OwnerReference
	controller string // whose service account makes the pods
	none       bool   // scaled to zero
}

// Pod returns the request by which a controller would make a pod of a workload, nil for
// other records and for workloads without pods. Policies that leave pod controllers alone
// refuse it where they admit the workload.
func Pod(rec *capture.Record) (*capture.Record, error) {
	if rec.SubResource != "" || rec.Operation == capture.Delete || len(rec.Object) == 0 || rec.Lacks(capture.MissingObject) {
		return nil, nil
	}
	t, err := templateOf(rec)
	if t == nil || err != nil || t.none || len(t.Spec.Containers) == 0 {
		return nil, err
	}
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, Spec: t.Spec}
	pod.GenerateName, pod.Namespace = t.owner.Name+"-", rec.Namespace
	pod.Labels, pod.Annotations = t.Labels, t.Annotations
	pod.OwnerReferences = []metav1.OwnerReference{t.owner}
	object, err := json.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("encode a pod of %s %s: %w", rec.Kind.Kind, rec.Name, err)
	}
	owner := rec.Owner
	if owner == nil {
		owner = &capture.Owner{APIVersion: rec.Kind.APIVersion(), Kind: rec.Kind.Kind, Name: rec.Name}
	}
	return &capture.Record{
		Cluster: rec.Cluster, Seq: rec.Seq, Time: rec.Time, Operation: capture.Create,
		Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Resource: capture.GVR{Version: "v1", Resource: "pods"}, Namespace: rec.Namespace,
		User:   capture.User{Username: "system:serviceaccount:kube-system:" + t.controller, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"}},
		DryRun: rec.DryRun, Object: object, Origin: rec.Origin, Owner: owner, TemplateOf: rec.Kind.Kind,
	}, nil
}

// templateOf reads the template with what its controller adds.
func templateOf(rec *capture.Record) (*template, error) {
	switch rec.Kind.Group + "/" + rec.Kind.Kind {
	case "apps/Deployment":
		var w appsv1.Deployment
		return read(rec, &w, func() *template {
			hash := hashOf(w.Spec.Template)
			t := &template{PodTemplateSpec: w.Spec.Template, controller: "replicaset-controller", none: isZero(w.Spec.Replicas)}
			return t.owned("apps/v1", "ReplicaSet", rec.Name+"-"+hash, "pod-template-hash", hash)
		})
	case "apps/ReplicaSet":
		var w appsv1.ReplicaSet
		return read(rec, &w, func() *template {
			t := &template{PodTemplateSpec: w.Spec.Template, controller: "replicaset-controller", none: isZero(w.Spec.Replicas)}
			return t.owned("apps/v1", "ReplicaSet", rec.Name)
		})
	case "/ReplicationController":
		var w corev1.ReplicationController
		return read(rec, &w, func() *template {
			if w.Spec.Template == nil {
				return nil
			}
			t := &template{PodTemplateSpec: *w.Spec.Template, controller: "replication-controller", none: isZero(w.Spec.Replicas)}
			return t.owned("v1", "ReplicationController", rec.Name)
		})
	case "apps/StatefulSet":
		var w appsv1.StatefulSet
		return read(rec, &w, func() *template {
			t := &template{PodTemplateSpec: w.Spec.Template, controller: "statefulset-controller", none: isZero(w.Spec.Replicas)}
			return t.owned("apps/v1", "StatefulSet", rec.Name, "controller-revision-hash", rec.Name+"-"+hashOf(w.Spec.Template),
				"statefulset.kubernetes.io/pod-name", rec.Name+"-0", "apps.kubernetes.io/pod-index", "0")
		})
	case "apps/DaemonSet":
		var w appsv1.DaemonSet
		return read(rec, &w, func() *template {
			t := &template{PodTemplateSpec: w.Spec.Template, controller: "daemon-set-controller"}
			return t.owned("apps/v1", "DaemonSet", rec.Name, "controller-revision-hash", hashOf(w.Spec.Template), "pod-template-generation", "1")
		})
	case "batch/Job":
		var w batchv1.Job
		return read(rec, &w, func() *template { return jobPods(w.Spec, rec.Name) })
	case "batch/CronJob":
		var w batchv1.CronJob
		return read(rec, &w, func() *template { return jobPods(w.Spec.JobTemplate.Spec, rec.Name+"-29000000") })
	}
	return nil, nil
}

// read decodes a workload and makes its template. One that an API server cannot decode has none.
func read(rec *capture.Record, into any, make func() *template) (*template, error) {
	if json.Unmarshal(rec.Object, into) != nil {
		return nil, nil //nolint:nilerr // the record itself says so
	}
	return make(), nil
}

func jobPods(spec batchv1.JobSpec, name string) *template {
	t := &template{PodTemplateSpec: spec.Template, controller: "job-controller", none: isZero(spec.Parallelism)}
	uid := "00000000-0000-0000-0000-000000000000"
	return t.owned("batch/v1", "Job", name, "batch.kubernetes.io/job-name", name, "job-name", name,
		"batch.kubernetes.io/controller-uid", uid, "controller-uid", uid)
}

// owned adds the owner and labels, given as key, value, key, value.
func (t *template) owned(apiVersion, kind, name string, labels ...string) *template {
	yes := true
	t.owner = metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: "00000000-0000-0000-0000-000000000000", Controller: &yes, BlockOwnerDeletion: &yes}
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

func isZero(n *int32) bool { return n != nil && *n == 0 }

// hashOf has the form of the hashes that controllers put into names.
func hashOf(t corev1.PodTemplateSpec) string {
	sum := fnv.New32a()
	content, _ := json.Marshal(t) // it was decoded from JSON
	sum.Write(content)
	return rand.SafeEncodeString(fmt.Sprint(sum.Sum32()))
}
