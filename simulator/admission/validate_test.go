package admission

import (
	"encoding/json"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
)

func TestLevelsOfNamespaces(t *testing.T) {
	w, err := capture.NewWorld(capture.Cluster{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	namespace := func(level string) json.RawMessage {
		return json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x","labels":{"pod-security.kubernetes.io/enforce":"` + level + `"}}}`)
	}
	const wrong = `Namespace "x" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "wrong": must be one of privileged, baseline, restricted`
	for _, c := range []struct {
		reason      string
		operation   capture.Operation
		object, old json.RawMessage
		want        string
	}{
		{"a level that there is", capture.Create, namespace("baseline"), nil, ""},
		{"a level that there is not", capture.Create, namespace("wrong"), nil, wrong},
		{"an update to such a level", capture.Update, namespace("wrong"), namespace("baseline"), wrong},
		{"an update of such a level", capture.Update, namespace("wrong"), namespace("false"), wrong},
		{"a level that was there", capture.Update, namespace("wrong"), namespace("wrong"), ""},
	} {
		rec := &capture.Record{
			Operation: c.operation, Kind: capture.GVK{Version: "v1", Kind: "Namespace"}, Resource: capture.GVR{Version: "v1", Resource: "namespaces"},
			Name: "x", Object: c.object, OldObject: c.old,
		}
		got := ""
		if err := Validate(w, rec, c.object); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
