package admission

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
)

const ferries = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"ferries.example.com"},"spec":{
"group":"example.com","names":{"kind":"Ferry","plural":"ferries"},"scope":"Namespaced","versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{
"type":"object","properties":{"spec":{"type":"object","default":{},"properties":{
"berths":{"type":"integer","default":4},
"crew":{"type":"string","default":"two"},
"decks":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"open":{"type":"boolean","default":true}}}},
"loose":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}}}]}}`

func TestCustomResourcesAreReadByTheirDefinitions(t *testing.T) {
	world, err := capture.NewWorld(capture.Cluster{Name: "c"}, &capture.WorldObject{Cluster: "c", Object: []byte(ferries)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason, spec, want string
		world              *capture.World
	}{
		{"nothing is said", ``, `,"spec":{"berths":4,"crew":"two"}`, world},
		{"something is, and a null where none may be", `,"spec":{"berths":9,"crew":null}`, `,"spec":{"berths":9,"crew":"two"}`, world},
		{"a list", `,"spec":{"decks":[{"name":"sun"},{"open":false}]}`, `,"spec":{"berths":4,"crew":"two","decks":[{"name":"sun","open":true},{"open":false}]}`, world},
		{"fields that it does not know", `,"other":1,"spec":{"unknown":1,"loose":{"kept":1}}`, `,"spec":{"berths":4,"crew":"two","loose":{"kept":1}}`, world},
		{"the definition is not in the capture", `,"spec":{"unknown":1}`, `,"spec":{"unknown":1}`, nil},
	} {
		object := func(spec, meta string) string {
			return `{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x"` + meta + `}` + spec + `}`
		}
		rec := &capture.Record{
			Operation: capture.Create, Kind: capture.GVK{Group: "example.com", Version: "v1", Kind: "Ferry"},
			Resource: capture.GVR{Group: "example.com", Version: "v1", Resource: "ferries"}, Namespace: "shop", Object: json.RawMessage(object(c.spec, "")),
		}
		got, err := Prepare(c.world, rec)
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if diff := cmp.Diff(decodedJSON(t, []byte(object(c.want, `,"namespace":"shop"`))), decodedJSON(t, got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
	rec := &capture.Record{
		Operation: capture.Create, Kind: capture.GVK{Group: "example.com", Version: "v1", Kind: "Ferry"},
		Resource: capture.GVR{Group: "example.com", Version: "v1", Resource: "ferries"}, Object: json.RawMessage(`{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","labels":7}}`),
	}
	if _, err := Prepare(world, rec); err == nil {
		t.Error("labels that are no labels are taken")
	}
}

func decodedJSON(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
