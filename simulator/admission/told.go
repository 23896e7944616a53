package admission

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Told is a stored object as it is told to users: a new one without its identity, a Service that no
// API server has returned before without the addresses and ports that it must have had.
func Told(rec *capture.Record, stored json.RawMessage) (json.RawMessage, error) {
	var made, before map[string]any
	if err := utiljson.Unmarshal(stored, &made); err != nil {
		return nil, err
	}
	metadata, _ := made["metadata"].(map[string]any)
	uid, _ := metadata["uid"].(string)
	switch {
	case rec.Operation == capture.Create || IsDrawn(uid):
		delete(metadata, "uid")
		delete(metadata, "creationTimestamp")
	case utiljson.Unmarshal(rec.OldObject, &before) == nil && !identifiedBefore(before):
		unallocate(made, before)
	}
	return json.Marshal(made)
}

func identifiedBefore(object map[string]any) bool {
	uid, _, _ := unstructured.NestedString(object, "metadata", "uid")
	return uid != ""
}
