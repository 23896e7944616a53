package admission

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
)

func TestWhatPoliciesAddToCustomResourcesIsPrunedWhenItIsStored(t *testing.T) {
	world, err := capture.NewWorld(capture.Cluster{Name: "c"}, &capture.WorldObject{Cluster: "c", Object: []byte(ferries)})
	if err != nil {
		t.Fatal(err)
	}
	rec := &capture.Record{
		Operation: capture.Create, Kind: capture.GVK{Group: "example.com", Version: "v1", Kind: "Ferry"},
		Resource: capture.GVR{Group: "example.com", Version: "v1", Resource: "ferries"}, Namespace: "shop", Object: json.RawMessage(`{}`),
	}
	for _, c := range []struct{ reason, object, changed, returned string }{
		{"fields that are not known, and defaults",
			`{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","foo":"bar"},"spec":{"colour":"red","decks":[{}]},"other":1}`,
			`{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","namespace":"shop","foo":"bar"},"spec":{"colour":"red","decks":[{"open":true}],"berths":4,"crew":"two"},"other":1}`,
			`{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","namespace":"shop"},"spec":{"decks":[{"open":true}],"berths":4,"crew":"two"}}`},
		{"labels that are none",
			`{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","labels":7},"spec":{"berths":1,"crew":"one"}}`,
			`{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","namespace":"shop","labels":7},"spec":{"berths":1,"crew":"one"}}`,
			`{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","namespace":"shop"},"spec":{"berths":1,"crew":"one"}}`},
	} {
		changed, err := Defaulted(world, rec, json.RawMessage(c.object))
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if diff := cmp.Diff(decodedJSON(t, []byte(c.changed)), decodedJSON(t, changed)); diff != "" {
			t.Errorf("%s, as others see it (-want +got):\n%s", c.reason, diff)
		}
		if diff := cmp.Diff(decodedJSON(t, []byte(c.returned)), decodedJSON(t, Returned(world, rec, changed))); diff != "" {
			t.Errorf("%s, once it is stored (-want +got):\n%s", c.reason, diff)
		}
	}
}
