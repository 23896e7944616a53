package admission

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/apis/certificates"
	"k8s.io/kubernetes/pkg/apis/core"
)

// timesOf are the times in an object that strategies read off the API server's clock.
func timesOf(object runtime.Object) (times []*metav1.Time) {
	switch o := object.(type) {
	case *core.PersistentVolume:
		if at := o.Status.LastPhaseTransitionTime; at != nil {
			times = append(times, at)
		}
	case *core.Pod:
		for i := range o.Status.Conditions {
			times = append(times, &o.Status.Conditions[i].LastTransitionTime)
		}
	case *certificates.CertificateSigningRequest:
		for i := range o.Status.Conditions {
			c := &o.Status.Conditions[i]
			times = append(times, &c.LastUpdateTime, &c.LastTransitionTime)
		}
	}
	return times
}

// timed runs a strategy on an object and sets the times that it drew to that of the request;
// those that are in the object already, or in the one before it, stay.
func timed(object, before runtime.Object, at metav1.Time, run func()) {
	var known []metav1.Time
	for _, t := range append(timesOf(object), timesOf(before)...) {
		known = append(known, *t)
	}
	run()
	for _, t := range timesOf(object) {
		if !t.IsZero() && !slices.ContainsFunc(known, func(k metav1.Time) bool { return k.Equal(t) }) {
			*t = at
		}
	}
}
