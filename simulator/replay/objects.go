package replay

import (
	"iter"

	"github.com/seatrial/seatrial/simulator/capture"
)

type identity struct {
	cluster, group, kind, namespace, name string
}

func identityOf(rec *capture.Record) identity {
	return identity{rec.Cluster, rec.Kind.Group, rec.Kind.Kind, rec.Namespace, rec.Name}
}

// Objects yields of each object that is there at the end of the records the last one that
// wrote it. Requests that were refused, or dry runs, write nothing. records is read twice.
func Objects(records func() iter.Seq2[*capture.Record, error]) iter.Seq2[*capture.Record, error] {
	return func(yield func(*capture.Record, error) bool) {
		last := map[identity]int{}
		at := 0
		for rec, err := range records() {
			if err != nil {
				yield(nil, err)
				return
			}
			if at++; writes(rec) {
				last[identityOf(rec)] = at
			}
		}
		at = 0
		for rec, err := range records() {
			if err != nil {
				yield(nil, err)
				return
			}
			if at++; rec.Operation != capture.Delete && last[identityOf(rec)] == at && !yield(rec, nil) {
				return
			}
		}
	}
}

func writes(rec *capture.Record) bool {
	refused := rec.Response != nil && rec.Response.Code >= 400
	changes := rec.Operation == capture.Create || rec.Operation == capture.Update || rec.Operation == capture.Delete
	return changes && rec.SubResource == "" && !rec.DryRun && !refused && rec.Name != ""
}
