package kyverno

import "testing"

func TestNamesLibrary(t *testing.T) {
	for _, tt := range []struct {
		reason, text string
		want         bool
	}{
		{"a field", "object.spec.containers.all(c, c.image != 'x' && object.resource == 1)", false},
		{"a call", "resource.Get('v1', 'pods', 'a', 'b') != null", true},
		{"a name of its own", "[resource].all(r, r.List('v1', 'pods', '') != null)", true},
		{"image data", "image.GetMetadata(object.spec.image).config != null", true},
		{"what does not parse", "resource.(", true},
	} {
		if got := namesLibrary(tt.text); got != tt.want {
			t.Errorf("%s: want %v, got %v", tt.reason, tt.want, got)
		}
	}
}

func TestRewrite(t *testing.T) {
	r := rewriter{testClock}
	for _, tt := range []struct{ reason, written, want string }{
		{"nothing to rewrite comes back byte for byte", "object.spec  .replicas >   2", "object.spec  .replicas >   2"},
		{"the clock", "time.now() - duration('1h')", `timestamp("2026-06-01T12:00:00Z") - duration("1h")`},
		{"a field of that name is no clock", "object.time.now", "object.time.now"},
		{"a URL in a string is no call", "object.url == 'http://x' && has(object.now)", "object.url == 'http://x' && has(object.now)"},
		{"a call", "http.Get('http://x').body == 'y'", `globalContext.Get("HTTP GET " + "http://x", "seatrial.dev/http ").body == "y"`},
		{"a client of its own", "http.Client(variables.ca).Post('http://x', {'a': 1})", `globalContext.Get("HTTP POST " + "http://x", "seatrial.dev/http " + json.marshal({"a": 1}))`},
		{"macros and optional syntax stay", "object.?now.orValue([]).all(x, x == http.Get(x))", `object.?now.orValue([]).all(x, x == globalContext.Get("HTTP GET " + x, "seatrial.dev/http "))`},
		{"what does not parse is left to the compiler", "http.Get(", "http.Get("},
	} {
		got, err := r.expression(tt.written)
		if err != nil || got != tt.want {
			t.Errorf("%s: want %s, got %s, %v", tt.reason, tt.want, got, err)
		}
	}
}
