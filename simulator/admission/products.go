package admission

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/capture"
)

// drawnMinute is when a CronJob runs: it is in the name of the Job, in minutes since 1970.
const drawnMinute = 29000000

// Products returns the requests by which controllers would make what a workload asks for, in their order: the
// Job of a CronJob's next run, with what that makes; the claims of a StatefulSet's first pod; and the first pod
// where they differ. There are none for other records. Policies that admit the workload may refuse them.
func Products(rec *capture.Record) ([]*capture.Record, error) {
	var made []*capture.Record
	var err error
	switch {
	case !hasTemplate(rec):
		return nil, nil
	case rec.Kind.Group == "batch" && rec.Kind.Kind == "CronJob":
		job, err := jobOf(rec)
		if job == nil || err != nil {
			return nil, err
		}
		made, err = Products(job)
		return append([]*capture.Record{job}, made...), err
	case rec.Kind.Group == "apps" && rec.Kind.Kind == "StatefulSet":
		made, err = claimsOf(rec)
	}
	if err != nil {
		return nil, err
	}
	pod, err := podOf(rec)
	if pod != nil {
		made = append(made, pod)
	}
	return made, err
}

// hasTemplate tells of a record that shows a workload as it would be.
func hasTemplate(rec *capture.Record) bool {
	return rec.SubResource == "" && rec.Operation != capture.Delete && len(rec.Object) > 0 && !rec.Lacks(capture.MissingObject)
}

// jobOf is the Job that a CronJob makes when it runs.
func jobOf(rec *capture.Record) (*capture.Record, error) {
	var cron batchv1.CronJob
	if json.Unmarshal(rec.Object, &cron) != nil {
		return nil, nil //nolint:nilerr // the record itself says so
	}
	template := cron.Spec.JobTemplate
	job := batchv1.Job{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}, Spec: template.Spec}
	job.Namespace, job.Name = rec.Namespace, fmt.Sprintf("%s-%d", rec.Name, drawnMinute)
	job.Labels = template.Labels
	job.Annotations = with(maps.Clone(template.Annotations), batchv1.CronJobScheduledTimestampAnnotation, time.Unix(drawnMinute*60, 0).UTC().Format(time.RFC3339))
	job.OwnerReferences = []metav1.OwnerReference{controllerRef("batch/v1", "CronJob", rec.Name)}
	object, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("make a Job of CronJob %s: %w", rec.Name, err)
	}
	resource := capture.GVR{Group: "batch", Version: "v1", Resource: "jobs"}
	return madeOf(rec, capture.GVK{Group: "batch", Version: "v1", Kind: "Job"}, resource, job.Name, "cronjob-controller", object), nil
}

// claimsOf are the claims of a StatefulSet's first pod, one for each template.
func claimsOf(rec *capture.Record) (made []*capture.Record, err error) {
	var set appsv1.StatefulSet
	if json.Unmarshal(rec.Object, &set) != nil || isZero(set.Spec.Replicas) {
		return nil, nil
	}
	set.Name = rec.Name
	pod := statefulPods(&set).name
	for _, claim := range set.Spec.VolumeClaimTemplates {
		claim.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}
		claim.Namespace, claim.Name, claim.Status = rec.Namespace, claim.Name+"-"+pod, corev1.PersistentVolumeClaimStatus{}
		labels := maps.Clone(claim.Labels)
		if set.Spec.Selector != nil {
			for key, value := range set.Spec.Selector.MatchLabels {
				labels = with(labels, key, value)
			}
		}
		claim.Labels = labels
		object, err := json.Marshal(claim)
		if err != nil {
			return nil, fmt.Errorf("make a claim of StatefulSet %s: %w", rec.Name, err)
		}
		resource := capture.GVR{Version: "v1", Resource: "persistentvolumeclaims"}
		made = append(made, madeOf(rec, capture.GVK{Version: "v1", Kind: "PersistentVolumeClaim"}, resource, claim.Name, "statefulset-controller", object))
	}
	return made, nil
}

// madeOf is the request by which a controller makes an object of a workload.
func madeOf(rec *capture.Record, kind capture.GVK, resource capture.GVR, name, controller string, object json.RawMessage) *capture.Record {
	owner := rec.Owner
	if owner == nil {
		owner = &capture.Owner{APIVersion: rec.Kind.APIVersion(), Kind: rec.Kind.Kind, Name: rec.Name}
	}
	return &capture.Record{
		Cluster: rec.Cluster, Seq: rec.Seq, Time: rec.Time, Operation: capture.Create,
		Kind: kind, Resource: resource, Namespace: rec.Namespace, Name: name,
		User:   controllerAccount(controller),
		DryRun: rec.DryRun, Object: object, Origin: rec.Origin, Owner: owner, TemplateOf: rec,
	}
}
