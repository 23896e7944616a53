package kyverno

import (
	"regexp"
	"slices"

	"github.com/seatrial/seatrial/simulator/admission"
)

// What built-in plugins fill in by classes that the capture does not hold.
const (
	drawsPriority draws = 1 << (16 + iota)
	drawsOverhead
	drawsStorageClass
	drawsIngressClass
)

const classResolve = "capture the cluster, or the classes with --world; --complete says that there are no others"

var classReaders = []drawnReader{
	{value: drawsPriority, word: "p", reads: regexp.MustCompile(`\bpriority\b|\bpreemptionPolicy\b`), reason: "the PriorityClass of the pod is not in the capture"},
	{value: drawsOverhead, word: "o", reads: regexp.MustCompile(`\boverhead\b|\btolerations\b|\bnodeSelector\b`), reason: "the RuntimeClass of the pod is not in the capture"},
	{value: drawsStorageClass, word: "storageClassName", reads: regexp.MustCompile(`\bstorageClassName\b`), reason: "whether there is a default StorageClass is not in the capture"},
	{value: drawsIngressClass, word: "ingressClassName", reads: regexp.MustCompile(`\bingressClassName\b`), reason: "whether there is a default IngressClass is not in the capture"},
}

var allReaders = slices.Concat(drawnReaders, classReaders)

// unplugged are the fields of this request's object that no plugin has filled in, for want of
// their classes.
func (r *request) unplugged() (found draws) {
	w, ok := r.look.(world)
	if !ok {
		return 0
	}
	of := map[string]draws{
		admission.FieldPriority: drawsPriority, admission.FieldOverhead: drawsOverhead,
		admission.FieldStorageClass: drawsStorageClass, admission.FieldIngressClass: drawsIngressClass,
	}
	for _, field := range admission.Unplugged(w.World, r.rec, r.adm.Object.Raw) {
		found |= of[field]
	}
	return found
}
