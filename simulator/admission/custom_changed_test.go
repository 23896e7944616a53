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

// A status of its own is dropped from a new object before anybody judges it.
func TestTheStatusOfANewCustomResourceIsNotJudged(t *testing.T) {
	cogs := func(subresources string) *capture.World {
		world, err := capture.NewWorld(capture.Cluster{Name: "c"}, &capture.WorldObject{Cluster: "c", Object: []byte(`{
			"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"cogs.example.com"},
			"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"cogs","kind":"Cog"},"versions":[{"name":"v1","served":true,"storage":true,` + subresources + `
			"schema":{"openAPIV3Schema":{"type":"object","properties":{"status":{"type":"object","properties":{"p":{"type":"string","enum":["x"]}}}}}}}]}}`)})
		if err != nil {
			t.Fatal(err)
		}
		return world
	}
	rec := &capture.Record{
		Operation: capture.Create, Kind: capture.GVK{Group: "example.com", Version: "v1", Kind: "Cog"}, Name: "c",
		Resource: capture.GVR{Group: "example.com", Version: "v1", Resource: "cogs"}, Namespace: "shop", Object: json.RawMessage(`{}`),
	}
	const object = `{"apiVersion":"example.com/v1","kind":"Cog","metadata":{"name":"c","namespace":"shop"},"status":{"p":"q"}}`
	if err := Valid(cogs(`"subresources":{"status":{}},`), rec, []byte(object)); err != nil {
		t.Errorf("with a status of its own: %v", err)
	}
	if Valid(cogs(""), rec, []byte(object)) == nil {
		t.Error("without one, it is a field as any other")
	}
}
