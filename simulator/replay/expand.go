package replay

import (
	"iter"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

type workload struct{ cluster, namespace, kind, name string }

func ownerOf(rec *capture.Record) workload {
	if rec.Owner != nil {
		return workload{rec.Cluster, rec.Namespace, rec.Owner.Kind, rec.Owner.Name}
	}
	return workload{rec.Cluster, rec.Namespace, rec.Kind.Kind, rec.Name}
}

// Expand puts after each workload that has no pods of its own in the capture the request
// for one that its controller would make. records is read twice.
func Expand(records func() iter.Seq2[*capture.Record, error]) iter.Seq2[*capture.Record, error] {
	return func(yield func(*capture.Record, error) bool) {
		running := map[workload]bool{}
		for rec, err := range records() {
			if err != nil {
				yield(nil, err)
				return
			}
			if rec.Kind.Kind == "Pod" && rec.Kind.Group == "" && rec.SubResource == "" {
				running[ownerOf(rec)] = true
			}
		}
		for rec, err := range records() {
			if !yield(rec, err) || err != nil {
				return
			}
			if running[ownerOf(rec)] {
				continue
			}
			pod, err := admission.Pod(rec)
			if (pod != nil || err != nil) && !yield(pod, err) {
				return
			}
		}
	}
}
