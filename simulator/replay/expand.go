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

// Expand is [Templates] with, before each object that stands, the update by which it is written again as
// it is: a creation of what is there happens when it is made anew alone.
func Expand(records func() iter.Seq2[*capture.Record, error]) iter.Seq2[*capture.Record, error] {
	return func(yield func(*capture.Record, error) bool) {
		for rec, err := range Templates(records) {
			if err == nil && Stands(rec) && !yield(again(rec), nil) {
				return
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// Stands tells whether a record is an object that a cluster has.
func Stands(rec *capture.Record) bool {
	return rec.Answered() && rec.Operation == capture.Create && rec.SubResource == "" && !rec.Derived() &&
		len(rec.Object) > 0 && !rec.Lacks(capture.MissingObject)
}

func again(rec *capture.Record) *capture.Record {
	update := *rec
	update.Operation, update.OldObject, update.Options, update.Again = capture.Update, rec.Object, nil, true
	return &update
}

// Templates puts after each workload that has no pods of its own in the capture the request
// for one that its controller would make. records is read twice.
func Templates(records func() iter.Seq2[*capture.Record, error]) iter.Seq2[*capture.Record, error] {
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
