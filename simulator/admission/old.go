package admission

import (
	"encoding/json"
	"errors"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Read is a record with its old object in the version of the request, in which an API server
// reads it from its storage: logs show it in that of the request that wrote it. Where nobody
// knows what it is in that version, it is missing.
func Read(w *capture.World, rec *capture.Record) *capture.Record {
	rec = withServers(w, rec)
	from := kindOf(rec.OldObject)
	if from.Kind != rec.Kind.Kind || from.Group != rec.Kind.Group || from == rec.Kind {
		return rec
	}
	read := *rec
	old, ok := converted(w, rec, from)
	if read.OldObject = old; !ok {
		read.OldObject, read.Missing = nil, append(slices.Clone(rec.Missing), capture.MissingOldObject)
	}
	return &read
}

// converted is the old object of a record in the record's version; false where that is not known.
func converted(w *capture.World, rec *capture.Record, from capture.GVK) (json.RawMessage, bool) {
	if Known(rec.Kind) {
		old, err := Convert(rec.OldObject, from, rec.Kind)
		return old, err == nil
	}
	v := versionsOf(w, rec)
	if v == nil || v.Webhook {
		return nil, false
	}
	old, err := v.readAs(w, rec)
	return old, err == nil
}

// readAs is the old object of a custom resource as it is read from the storage: stored in one
// version, whose defaults it has, and with the fields that both this one and that of the
// request know.
func (v *Versions) readAs(w *capture.World, rec *capture.Record) (json.RawMessage, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(rec.OldObject, &object); err != nil {
		return nil, err
	}
	stored := *rec
	stored.Kind.Version = v.storage
	before, after := schemaOf(w, &stored), schemaOf(w, rec)
	if before == nil || after == nil {
		return nil, errors.New("no schema")
	}
	object["apiVersion"] = stored.Kind.APIVersion()
	if _, err := before.shape(object, true); err != nil {
		return nil, err
	}
	object["apiVersion"] = rec.Kind.APIVersion()
	if _, err := after.prune(object, false); err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

func kindOf(raw json.RawMessage) capture.GVK {
	var head struct{ APIVersion, Kind string }
	_ = json.Unmarshal(raw, &head) // what does not decode is of no kind
	return capture.ParseGVK(head.APIVersion, head.Kind)
}
