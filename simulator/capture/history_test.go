package capture

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var services = GVR{Version: "v1", Resource: "services"}

// written is a capture of world objects and records of one cluster, in this order, with all records
// indexed.
func written(t *testing.T, lines ...any) *Capture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.capture")
	w, err := NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Cluster(Cluster{Name: "c", Complete: true})
	for _, l := range lines {
		switch l := l.(type) {
		case WorldObject:
			l.Cluster = "c"
			err = w.World(l)
		case *Record:
			l.Cluster = "c"
			err = w.Record(l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.IndexRecords(); err != nil {
		t.Fatal(err)
	}
	return c
}

func service(name, value string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"apiVersion":"v1","kind":"Service","metadata":{"name":%q,"namespace":"a","creationTimestamp":"2026-11-20T10:00:00Z"},"v":%q}`, name, value))
}

// did is a request of an audit log that took effect.
func did(op Operation, sub, name string, old, object, left json.RawMessage) *Record {
	return &Record{Operation: op, Kind: GVK{Version: "v1", Kind: "Service"}, Resource: services, SubResource: sub, Namespace: "a", Name: name,
		OldObject: old, Object: object, Left: left, Origin: Origin{Source: "audit"}, Response: &Response{Code: 200}}
}

// seen is what a world has of the services, by name and value; "?" where that is not known.
func seen(w *World) string {
	objects, known := w.List(services, "a")
	var all []string
	for _, o := range objects {
		var head struct {
			Metadata struct{ Name string }
			V        string
		}
		_ = json.Unmarshal(o.Object, &head)
		all = append(all, head.Metadata.Name+head.V)
	}
	if !known {
		all = append(all, "?")
	}
	return strings.Join(all, " ")
}

// TestAt asks before every record what there is.
func TestAt(t *testing.T) {
	refused, dry := did(Create, "", "r", nil, service("r", "1"), nil), did(Delete, "", "x", service("x", "1"), nil, nil)
	refused.Response, dry.DryRun = &Response{Code: 403}, true
	early := did(Create, "", "e", nil, service("e", "1"), nil)
	before := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	early.Time = &before
	dumped := func(name, value string) WorldObject {
		return WorldObject{Object: service(name, value), Origin: Origin{Source: "cluster"}}
	}
	dump := &Record{Operation: Create, Kind: GVK{Version: "v1", Kind: "Service"}, Resource: services, Namespace: "a", Name: "x", Object: service("x", "1"), Origin: Origin{Source: "cluster"}}
	for name, test := range map[string]struct {
		lines []any
		want  string // before each record, and at the end
	}{
		"created, changed, deleted": {[]any{did(Create, "", "x", nil, service("x", "1"), nil), did(Update, "", "x", service("x", "2"), service("x", "3"), nil), did(Delete, "", "x", service("x", "4"), nil, nil)}, "|x2|x4|"},
		"there before":              {[]any{did(Update, "", "x", service("x", "0"), service("x", "1"), nil), did(Delete, "", "y", service("y", "0"), nil, nil)}, "x0 y0|x1 y0|x1"},
		"made after all":            {[]any{early, did(Update, "", "x", service("x", "0"), service("x", "1"), nil)}, "|e1 x0|e1 x1"},
		"not known before":          {[]any{did(Update, "", "x", nil, service("x", "1"), nil)}, "?|x1"},
		"not known after":           {[]any{did(Create, "", "x", nil, service("x", "1"), nil), did(Update, "", "x", nil, nil, nil), did(Create, "", "y", nil, service("y", "1"), nil), did(Update, "", "x", service("x", "2"), service("x", "3"), nil)}, "|x1|x2|x2 y1|x3 y1"},
		"no effect":                 {[]any{did(Create, "", "x", nil, service("x", "1"), nil), refused, dry}, "|x1|x1|x1"},
		"scaled":                    {[]any{did(Create, "", "x", nil, service("x", "1"), nil), did(Update, "scale", "x", nil, nil, nil), did(Update, "scale", "x", nil, nil, service("x", "3"))}, "|x1|?|x3"},
		"a status nobody knows":     {[]any{did(Create, "", "x", nil, service("x", "1"), nil), did(Update, "status", "x", nil, nil, nil)}, "|x1|x1"},
		"waits, and goes":           {[]any{did(Delete, "", "x", service("x", "1"), nil, service("x", "2")), did(Update, "", "x", service("x", "2"), service("x", "3"), json.RawMessage("null"))}, "x1|x2|"},
		"waits somehow":             {[]any{did(Delete, "", "x", service("x", "1"), nil, json.RawMessage("{}"))}, "x1|?"},
		"named by the server":       {[]any{did(Create, "", "", nil, service("", "1"), service("x", "1"))}, "|x1"},
		"a collection nobody lists": {[]any{did(Create, "", "x", nil, service("x", "1"), nil), did(Delete, "", "", nil, nil, nil), did(Update, "", "x", service("x", "1"), service("x", "2"), nil)}, "|x1|x1|x2"},
		"a collection for good":     {[]any{did(Create, "", "x", nil, service("x", "1"), nil), did(Delete, "", "", nil, nil, nil)}, "|x1|?"},
		"listed before":             {[]any{dumped("x", "0"), dump, did(Update, "", "x", nil, service("x", "1"), nil), did(Delete, "", "x", nil, nil, nil)}, "x0|x0|x1|"},
		"listed after":              {[]any{did(Update, "", "x", nil, nil, nil), dump, dumped("x", "9"), dumped("y", "9")}, "y9 ?|x9 y9|x9 y9"},
		"of an unknown moment":      {[]any{did(Update, "", "x", nil, nil, nil), WorldObject{Object: service("x", "9"), Origin: Origin{Source: "manifests"}}}, "?|?"},
		"last of the log":           {[]any{did(Update, "", "x", nil, service("x", "1"), nil), WorldObject{Object: service("x", "9"), Origin: Origin{Source: "audit"}}}, "?|x9"},
	} {
		t.Run(name, func(t *testing.T) {
			c := written(t, test.lines...)
			var all []string
			for r, err := range c.Records() {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, seen(c.World("c").At(r)))
			}
			if got := strings.Join(append(all, seen(c.World("c"))), "|"); got != test.want {
				t.Errorf("seen %q, want %q", got, test.want)
			}
		})
	}
}

// TestWithoutALog asks worlds of which nothing is told: they are the same at any time.
func TestWithoutALog(t *testing.T) {
	c := written(t, WorldObject{Object: service("x", "1"), Origin: Origin{Source: "manifests"}}, &Record{Operation: Create, Resource: services, Namespace: "a", Name: "y", Object: service("y", "1"), Origin: Origin{Source: "manifests"}})
	for r, err := range c.Records() {
		if w := c.World("c"); err != nil || w.At(r) != w || seen(w) != "x1 y1" {
			t.Errorf("%v: seen %q", err, seen(w.At(r)))
		}
	}
}

// TestLastLabels finds the labels of a namespace that is gone.
func TestLastLabels(t *testing.T) {
	object := json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","labels":{"team":"x"}}}`)
	gone := did(Delete, "", "a", object, nil, nil)
	gone.Resource, gone.Kind, gone.Namespace = GVR{Version: "v1", Resource: "namespaces"}, GVK{Version: "v1", Kind: "Namespace"}, ""
	if labels := written(t, gone).World("c").NamespaceLabels("a"); labels["team"] != "x" {
		t.Errorf("labels %v", labels)
	}
}
