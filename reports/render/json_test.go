package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/reports/render"
)

func TestDecodeReadsWhatJSONWrote(t *testing.T) {
	for _, name := range fixtures() {
		first := rendered(t, "json", fixture(t, name), render.Options{})
		r, err := render.Decode(strings.NewReader(first))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(first, rendered(t, "json", r, render.Options{})); diff != "" {
			t.Errorf("%s changes when it is read and written again:\n%s", name, diff)
		}
		for _, format := range render.Names() {
			if rendered(t, format, r, render.Options{}) != rendered(t, format, fixture(t, name), render.Options{}) {
				t.Errorf("%s: %s of the saved report differs", name, format)
			}
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		reason, input, want string
	}{
		{"an empty file", "  \n", "is empty"},
		{"broken JSON is found by its line", "{\n\"schemaVersion\": 1,\n\"tool\": }", "line 3: invalid character '}'"},
		{"a cut file", "{\"schemaVersion\": 1", "line 1: unexpected end of JSON input"},
		{"text after the report", "{\"schemaVersion\": 1, \"status\": \"within-budget\"} x", "line 1: invalid character 'x'"},
		{"no JSON at all", "kind: Pod", "line 1: invalid character 'k'"},
		{"another JSON file", `{"kind": "List"}`, "no seatrial report: schemaVersion is missing"},
		{"another value", `[]`, "line 1"},
		{"a report of the future", `{"schemaVersion": 2}`, "schemaVersion 2 is newer than this seatrial, which reads up to 1: update seatrial"},
		{"a version that never was", `{"schemaVersion": 0}`, "schemaVersion 0 does not exist, want 1 to 1"},
		{"a field of another type", "{\"schemaVersion\": 1,\n\"headline\": 5}", "line 2: headline: want string, have number"},
		{"a status that no one knows", `{"schemaVersion": 1, "status": "fine"}`, `status is "fine"`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := render.Decode(strings.NewReader(c.input))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestDecodeIgnoresFieldsOfLaterVersions(t *testing.T) {
	r, err := render.Decode(strings.NewReader(`{"schemaVersion": 1, "status": "within-budget", "headline": "fine", "mood": "good"}`))
	if err != nil || r.Headline != "fine" {
		t.Errorf("report %+v, error %v", r, err)
	}
}
