package admission

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestDefinitionsStoreNewObjects(t *testing.T) {
	d, err := NewDefinition([]byte(ferries))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ reason, object, want, dropped, refused string }{
		{"defaults, and no status", `{"metadata":{"name":"x","namespace":"a"},"status":{"a":1}}`, `{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","namespace":"a"},"spec":{"berths":4,"crew":"two"}}`, "", ""},
		{"fields that are not known", `{"metadata":{"name":"x","namespace":"a","labls":{}},"spec":{"bearths":1}}`, `{"apiVersion":"example.com/v1","kind":"Ferry","metadata":{"name":"x","namespace":"a"},"spec":{"berths":4,"crew":"two"}}`, "metadata.labls spec.bearths", ""},
		{"a value of another type", `{"metadata":{"name":"x","namespace":"a"},"spec":{"berths":"many"}}`, "", "", `spec.berths: Invalid value: "string": spec.berths in body must be of type integer: "string"`},
		{"a name that none may have", `{"metadata":{"name":"X_1","namespace":"a"}}`, "", "", `metadata.name: Invalid value: "X_1": a lowercase RFC 1123 subdomain`},
		{"a label that is no text", `{"metadata":{"name":"x","namespace":"a","labels":{"a":true}}}`, "", "", "the API server cannot decode it: json: cannot unmarshal bool"},
	} {
		raw := json.RawMessage(`{"apiVersion":"example.com/v1","kind":"Ferry",` + c.object[1:])
		stored, dropped, err := d.Store(raw)
		var refused *Refused
		switch {
		case c.refused != "" && (!errors.As(err, &refused) || !strings.HasPrefix(refused.Reason, c.refused)):
			t.Errorf("%s: %v, want %q", c.reason, err, c.refused)
		case c.refused == "" && (err != nil || string(stored) != c.want):
			t.Errorf("%s: %s (%v), want %s", c.reason, stored, err, c.want)
		case c.refused == "" && strings.Join(dropped, " ") != c.dropped:
			t.Errorf("%s: drops %v, want %s", c.reason, dropped, c.dropped)
		}
	}
	if raw, dropped, err := d.Store([]byte(`{"apiVersion":"example.com/v2","kind":"Ferry","spec":{"berths":"x"}}`)); err != nil || len(dropped) > 0 || !strings.Contains(string(raw), `"x"`) {
		t.Errorf("a version that is not defined: %s %v %v", raw, dropped, err)
	}
}
