package kyverno

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const asksVersion = `{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"version"},"spec":{"background":false,"rules":[{"name":"r",
	"match":{"any":[{"resources":{"kinds":["Service"]}}]},"context":[%s],
	"validate":{"failureAction":"Enforce","message":"%s","deny":{}}}]}}`

// Of what an API server says of its version, a capture holds the release.
func TestVersionOfTheServer(t *testing.T) {
	call := func(query string) string {
		return `{"name":"v","apiCall":{"urlPath":"/version"` + query + `}}`
	}
	for _, c := range []struct{ server, context, message, want string }{
		{"v1.36.3", call(`,"jmesPath":"minor"`), "{{ v }}", "36"},
		{"v1.36.3", call(`,"jmesPath":"join('.', [major, minor])"`), "{{ v }}", "1.36"},
		{"v1.36.3", call(``), "{{ v.major }} {{ v.gitVersion }}", "1 v1.36.3"},
		{"v1.36.3", call(``), "{{ v.buildDate }}", ""},
		{"v1.36.3", call(``), "{{ to_string(v) }}", ""},
		{"v1.36.3", call(``) + `,{"name":"w","variable":{"jmesPath":"v.platform"}}`, "{{ v.minor }} {{ w }}", ""},
		{"v1.36.3", call(`,"jmesPath":"*"`), "{{ v }}", ""},
		{"v1.36.3", call(`,"jmesPath":"@"`), "{{ v }}", ""},
		{"v1.34.1-gke.5", call(`,"jmesPath":"minor"`), "{{ v }}", ""}, // it may say 34+
		{"", call(`,"jmesPath":"minor"`), "{{ v }}", ""},
	} {
		w, err := capture.NewWorld(capture.Cluster{Name: "c", ServerVersion: c.server})
		if err != nil {
			t.Fatal(err)
		}
		content := json.RawMessage(fmt.Sprintf(asksVersion, c.context, c.message))
		set := policy.FromObjects("test", []policy.Object{{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: "version", JSON: content}})
		compiler := NewCompiler(Options{})
		program, err := compiler.Compile(t.Context(), set, w)
		if err != nil {
			t.Fatal(err)
		}
		engine, err := compiler.Engine(w, capture.User{}, program)
		if err != nil {
			t.Fatal(err)
		}
		sides, err := engine.Judge(t.Context(), record(capture.Create, "", "Service", "services", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"p","namespace":"shop"},"spec":{"ports":[{"port":80}]}}`, ""))
		if err != nil {
			t.Fatal(err)
		}
		v := sides[0].Verdicts[0]
		if known := v.Outcome == verdict.Fail; known != (c.want != "") || known && v.Message != c.want || !known && v.Outcome != verdict.Undecided {
			t.Errorf("%q, %s: %s %q %s, want %q", c.server, c.context, v.Outcome, v.Message, v.Reason, c.want)
		}
	}
}
