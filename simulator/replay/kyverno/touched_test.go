package kyverno

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// What is written in the places that are tried, and what an unknown mutation might write there.
var tried = []struct {
	place  write
	values []string
}{
	{write{"metadata", "labels", "seatrial.example/tried"}, []string{"x", "true", ""}},
	{write{"metadata", "annotations", "seatrial.example/tried"}, []string{"x", "0"}},
	{write{"metadata", "labels", "app"}, []string{"x", "web"}},
	{write{"spec", "containers", anyField, "image"}, []string{"registry.example/x:latest", "ghcr.io/y@sha256:00", "z"}},
}

// TestWhoReadsNothingOfAPlace writes into the objects of all archives what an unknown mutation might,
// and asks the policies that say they do not read it: they must say what they said before.
func TestWhoReadsNothingOfAPlace(t *testing.T) {
	archives, _ := filepath.Glob("testdata/engine/*.txtar")
	held, asked := 0, 0
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		engine, records := archiveEngine(t, archive)
		for _, rec := range records {
			for _, u := range engine.sides[0].units {
				reads, ok := u.unit.(reader)
				if !ok || u.phase > phaseValidate {
					continue
				}
				for _, one := range tried {
					asked++
					if reads.mayRead(one.place, one.place.present(rec.Object)) {
						continue
					}
					held++
					before := saidOf(t, engine, u, rec, rec.Object)
					for _, value := range one.values {
						after := saidOf(t, engine, u, rec, written(t, rec.Object, one.place, value))
						if d := cmp.Diff(before, after); d != "" {
							t.Errorf("%s: %s %s does not read %v, and says of %q: %s", name, u.unit.ref(), rec.Name, one.place, value, d)
						}
					}
				}
			}
		}
	}
	t.Logf("%d of %d", held, asked)
	if held < asked/4 {
		t.Errorf("only %d of %d times a policy was known not to read a place", held, asked)
	}
}

// archiveEngine is the engine of an archive with the creations that it asks about.
func archiveEngine(t *testing.T, archive *txtar.Archive) (*Engine, []*capture.Record) {
	t.Helper()
	c, set, as, opt := readArchive(t, archive)
	if err := c.IndexRecords(); err != nil {
		t.Fatal(err)
	}
	opt.At = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	compiler := NewCompiler(opt)
	program, err := compiler.Compile(t.Context(), set, c.World("c"))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := compiler.Engine(c.World("c"), as, program)
	if err != nil {
		t.Fatal(err)
	}
	var records []*capture.Record
	for r, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Operation == capture.Create && r.SubResource == "" && len(r.Object) > 0 {
			records = append(records, r)
		}
	}
	return engine, records
}

func saidOf(t *testing.T, engine *Engine, u phased, rec *capture.Record, object []byte) []verdict.Verdict {
	t.Helper()
	req, err := engine.newRequest(rec)
	if err != nil {
		return nil
	}
	req.adm.Object.Raw = object
	if pre, ok := u.unit.(seer); ok && !pre.sees(req) {
		return nil
	}
	said := slices.Clone(evaluate(t.Context(), u, req).verdicts)
	slices.SortStableFunc(said, verdict.Verdict.Compare)
	return said
}

// written is an object with a value in a place, where it has what the place is in.
func written(t *testing.T, object []byte, place write, value string) []byte {
	t.Helper()
	var root map[string]any
	if err := utiljson.Unmarshal(object, &root); err != nil { // keeps integers
		t.Fatal(err)
	}
	if place.key() != "image" {
		_ = unstructured.SetNestedField(root, value, place...)
	} else if items, ok, _ := unstructured.NestedSlice(root, place[:len(place)-2]...); ok {
		for _, item := range items {
			item.(map[string]any)["image"] = value
		}
		_ = unstructured.SetNestedSlice(root, items, place[:len(place)-2]...)
	}
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
