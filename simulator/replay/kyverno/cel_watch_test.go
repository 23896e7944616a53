package kyverno

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// TestWhatIsUntouchedDecidesNothing has all values of all archives watched. What is evaluated then is
// what is evaluated otherwise; and where nothing that is not known was come to, other values change nothing.
func TestWhatIsUntouchedDecidesNothing(t *testing.T) {
	held, asked := 0, 0
	for _, name := range archives(t, "engine") {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		engine, records := archiveEngine(t, archive)
		for _, rec := range records {
			object, other := storedAnd(t, engine, rec)
			for _, u := range engine.sides[0].units {
				plain, watched, ok := watchedUnits(u)
				if !ok {
					continue
				}
				said, all := saidOf(t, engine, plain, rec, object), saidOf(t, engine, watched, rec, object)
				elsewise := saidOf(t, engine, plain, rec, other)
				for i, v := range all {
					asked++
					if v.Outcome == verdict.Undecided {
						continue
					}
					held++
					if d := cmp.Diff(said[i], v); d != "" {
						t.Errorf("%s: %s says something else of %s when it is watched: %s", name, u.unit.ref(), rec.Name, d)
					}
					if d := cmp.Diff(said[i], elsewise[i]); d != "" {
						t.Errorf("%s: %s came to nothing that is not known of %s, and says of other values: %s", name, u.unit.ref(), rec.Name, d)
					}
				}
			}
		}
	}
	t.Logf("%d of %d", held, asked)
	if held < asked/4 || held == asked {
		t.Errorf("%d of %d times nothing was come to", held, asked)
	}
}

// watchedUnits are a unit as if it rested on nothing that is not known, and as if on all of it.
func watchedUnits(u phased) (plain, watched phased, ok bool) {
	with := func(n celNeeds, drawn draws, secrets secretive) celNeeds {
		n.drawn, n.secrets = drawn, secrets
		return n
	}
	all, hidden := drawsInMetadata|drawsInSpec, secretive{values: true, annotations: true}
	plain, watched = u, u
	switch unit := u.unit.(type) {
	case *validating:
		a, b, p, w := *unit, *unit, *unit.celPolicy, *unit.celPolicy
		p.needs, w.needs = with(p.needs, 0, secretive{}), with(w.needs, all, hidden)
		p.webhook, w.webhook = nil, nil
		a.celPolicy, b.celPolicy = &p, &w
		plain.unit, watched.unit = &a, &b
		return plain, watched, u.phase == phaseValidate
	case *validatingAdmission:
		a, b, p, w := *unit, *unit, *unit.admissionPolicy, *unit.admissionPolicy
		p.needs, w.needs = with(p.needs, 0, secretive{}), with(w.needs, all, hidden)
		a.admissionPolicy, b.admissionPolicy = &p, &w
		plain.unit, watched.unit = &a, &b
		return plain, watched, u.phase == phaseValidate
	}
	return u, u, false
}

// storedAnd is the object of a record as it is stored, and with other values in the place of those that are
// not known.
func storedAnd(t *testing.T, engine *Engine, rec *capture.Record) (object, other []byte) {
	t.Helper()
	req, err := engine.newRequest(rec)
	if err != nil {
		return rec.Object, rec.Object
	}
	if stored, err := admission.Stored(engine.look.(world).World, rec, req.adm.Object.Raw); err == nil {
		req.adm.Object.Raw = stored
	}
	var root map[string]any
	if err := utiljson.Unmarshal(req.adm.Object.Raw, &root); err != nil { // keeps integers
		t.Fatal(err)
	}
	unknown := req.placeholders()
	set := func(of draws, value any, fields ...string) {
		if unknown&of != 0 {
			_ = unstructured.SetNestedField(root, value, fields...)
		}
	}
	set(drawsUID, "3f2d7d05-2a8c-4d0e-9d3c-0d6b7a1f9f11", "metadata", "uid")
	set(drawsCreated, "2001-02-03T04:05:06Z", "metadata", "creationTimestamp")
	set(drawsManagers, []any{map[string]any{"manager": "other"}}, "metadata", "managedFields")
	set(drawsAddress, "10.9.8.7", "spec", "clusterIP")
	set(drawsAddress, []any{"10.9.8.7"}, "spec", "clusterIPs")
	set(drawsHealth, int64(31999), "spec", "healthCheckNodePort")
	if ports, ok, _ := unstructured.NestedSlice(root, "spec", "ports"); ok && unknown&drawsPort != 0 {
		for i := range ports {
			ports[i].(map[string]any)["nodePort"] = int64(30961 + i)
		}
		_ = unstructured.SetNestedSlice(root, ports, "spec", "ports")
	}
	if values, ok := root["data"].(map[string]any); ok && rec.Redacted && rec.Kind.Kind == "Secret" {
		for key := range values {
			values[key] = "b3RoZXI="
		}
	}
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return req.adm.Object.Raw, out
}
