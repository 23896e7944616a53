package admission

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/seatrial/seatrial/simulator/capture"
)

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
			w.Name = rec.Name
			return statefulPods(&w)
		})
	case "apps/DaemonSet":
		var w appsv1.DaemonSet
		return read(rec, &w, func() *template {
			w.Name = rec.Name
			return daemonPods(&w)
		})
	case "batch/Job":
		var w batchv1.Job
		return read(rec, &w, func() *template {
			if by := w.Spec.ManagedBy; by != nil && *by != batchv1.JobControllerName {
				return nil // who makes its pods is not known
			}
			return jobPods(w.Spec, cmp.Or(rec.Name, Generated(w.GenerateName)))
		})
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

func isZero(n *int32) bool { return n != nil && *n == 0 }

// hashOf has the form of the hashes that controllers put into names.
func hashOf(t corev1.PodTemplateSpec) string {
	sum := fnv.New32a()
	content, _ := json.Marshal(t) // it was decoded from JSON
	sum.Write(content)
	return rand.SafeEncodeString(fmt.Sprint(sum.Sum32()))
}
