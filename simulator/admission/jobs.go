package admission

import (
	"bytes"
	"encoding/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// sharesLabels tells whether a new Job has the labels of its template for its own: an API server
// gives it those where it has none, as one map for both, to which what it then adds to the
// template is added, too. It is no longer one map once a webhook has changed the Job.
func sharesLabels(w *capture.World, rec *capture.Record, object json.RawMessage) bool {
	type labelled struct {
		Labels map[string]string
	}
	var sent struct {
		Metadata labelled
		Spec     struct{ Template struct{ Metadata labelled } }
	}
	if json.Unmarshal(rec.Object, &sent) != nil || len(sent.Metadata.Labels) > 0 || len(sent.Spec.Template.Metadata.Labels) == 0 {
		return false
	}
	prepared, err := Prepare(w, rec)
	return err == nil && bytes.Equal(prepared, object)
}
