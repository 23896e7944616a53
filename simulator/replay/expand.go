package replay

import (
	"iter"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
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

// Templates puts after each workload the requests for what its controllers would make of it, but for what
// is in the capture: its pods, the Jobs of a CronJob, the claims of a StatefulSet. records is read twice.
func Templates(records func() iter.Seq2[*capture.Record, error]) iter.Seq2[*capture.Record, error] {
	return func(yield func(*capture.Record, error) bool) {
		there := map[product]bool{}
		for rec, err := range records() {
			if err != nil {
				yield(nil, err)
				return
			}
			if rec.SubResource == "" {
				there[productOf(rec)] = true
			}
		}
		for rec, err := range records() {
			if !yield(rec, err) || err != nil {
				return
			}
			all, err := admission.Products(rec)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, made := range all {
				if there[productOf(made)] {
					continue
				}
				if rec.Owner != nil { // another that it owns would make the same
					there[productOf(made)] = true
				}
				if !yield(made, nil) {
					return
				}
			}
		}
	}
}

// product is what a controller makes: an object of a kind for a workload. Claims are known by their own
// names, since nobody owns them.
type product struct {
	workload
	kind string
}

func productOf(rec *capture.Record) product {
	switch rec.Kind {
	case capture.GVK{Version: "v1", Kind: "PersistentVolumeClaim"}:
		return product{workload{rec.Cluster, rec.Namespace, "", rec.Name}, rec.Kind.Kind}
	case capture.GVK{Version: "v1", Kind: "Pod"}, capture.GVK{Group: "batch", Version: "v1", Kind: "Job"}:
		return product{ownerOf(rec), rec.Kind.Kind}
	}
	return product{}
}

// Ended tells, by side, that nothing is made of the record at hand: it is refused, or what is made of it before.
// What stands makes its next objects whatever is said of its creation.
type Ended []bool

// Follow takes the next answer, in the order of [Templates].
func (e Ended) Follow(a Answer) {
	for i, j := range a.Sides {
		denied := j.Decision == verdict.Denied
		switch {
		case a.Record.TemplateOf != nil:
			e[i] = e[i] || denied
		case !a.Record.Again:
			e[i] = denied && !a.Record.Answered()
		}
	}
}
