package record

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/simulator/capture"
)

// server is an API server with two Pods in two pages, Secrets and Services; answer, if it
// returns a status other than 0, comes before its own.
func server(t *testing.T, answer func(r *http.Request) int) *rest.Config {
	t.Helper()
	mux := http.NewServeMux()
	say := func(path, content string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, content)
		})
	}
	say("/version", `{"gitVersion":"v1.30.0"}`)
	say("/api", `{"kind":"APIVersions","versions":["v1"]}`)
	say("/apis", `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`)
	say("/api/v1", `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[
		{"name":"pods","kind":"Pod","namespaced":true,"verbs":["list"]},
		{"name":"secrets","kind":"Secret","namespaced":true,"verbs":["list"]},
		{"name":"services","kind":"Service","namespaced":true,"verbs":["list"]}]}`)
	say("/api/v1/services", `{"items":[{"metadata":{"name":"s","namespace":"a"}}]}`)
	say("/api/v1/secrets", `{"kind":"Table","columnDefinitions":[{"name":"Name"},{"name":"Type"}],"rows":[
		{"cells":["s","Opaque"],"object":{"metadata":{"name":"s","namespace":"a"},"data":{"k":"aGVycmluZy00NzEx"}}}]}`)
	mux.HandleFunc("/api/v1/pods", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("continue") == "" {
			fmt.Fprint(w, `{"metadata":{"continue":"more"},"items":[{"metadata":{"name":"p1","namespace":"a"}}]}`)
			return
		}
		fmt.Fprint(w, `{"items":[{"metadata":{"name":"p2","namespace":"a"}}]}`)
	})
	var mu sync.Mutex
	first := func(r *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		return answer(r)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code := first(r); code != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "no"})
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return &rest.Config{Host: s.URL}
}

func TestAnswers(t *testing.T) {
	secondPage := func(r *http.Request) bool { return r.URL.Query().Get("continue") != "" }
	for _, test := range []struct {
		reason  string
		when    func(r *http.Request) bool
		code    int
		times   int
		records int64
		skipped string
	}{
		{"a snapshot that expires once", secondPage, 410, 1, 4, ""},
		{"a snapshot that expires twice", secondPage, 410, 2, 2, "pods: the list changed faster"},
		{"a page that is refused", secondPage, 403, 9, 2, "pods: forbidden"},
		{"an API without backend", at("/api/v1/services"), 503, 9, 3, "services: unavailable"},
		{"an API that is gone", at("/api/v1/services"), 404, 9, 3, "services: not found"},
		{"a server that is too busy for a moment", at("/api/v1/services"), 429, 2, 4, ""},
		{"a server that fails", at("/api/v1/services"), 500, 9, 3, "services: the API server answered 500"},
		{"a server that cannot list metadata alone", at("/api/v1/secrets"), 406, 9, 3, "secrets: the API server cannot list its metadata alone"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			left := test.times
			config := server(t, func(r *http.Request) int {
				if !test.when(r) || left == 0 {
					return 0
				}
				left--
				return test.code
			})
			c, sums := take(t, Options{}, Target{Name: "one", REST: config})
			got := ""
			for _, s := range sums[0].Skipped {
				got += s.File + ": " + s.Reason + "\n"
			}
			if c.End.Records != test.records || !strings.HasPrefix(got, test.skipped) || (got == "") != (test.skipped == "") {
				t.Errorf("%d records, want %d; skipped %q", c.End.Records, test.records, got)
			}
		})
	}
}

func at(path string) func(r *http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Path == path }
}

// TestRequests checks what is sent: lists alone, and Secrets' metadata alone.
func TestRequests(t *testing.T) {
	secrets := 0
	config := server(t, func(r *http.Request) int {
		if r.Method != http.MethodGet || r.URL.Query().Has("watch") {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if r.URL.Path == "/api/v1/secrets" {
			secrets++
			if accept := r.Header.Values("Accept"); len(accept) != 1 || accept[0] != metadataOnly {
				t.Errorf("secrets are asked for as %v", accept)
			}
		}
		return 0
	})
	c, _ := take(t, Options{}, Target{Name: "one", REST: config})
	if secrets != 1 {
		t.Errorf("%d lists of Secrets", secrets)
	}
	const want = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"a"},"type":"Opaque"}`
	if r := index(t, c)["Secret a/s"]; r == nil || string(r.Object) != want {
		t.Errorf("of the row of a table the capture holds %+v, want %s", r, want)
	}
	if err := c.IndexRecords(); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"s": true, "absent": false} {
		o, known := c.World("one").Get(capture.GVR{Version: "v1", Resource: "secrets"}, "a", name)
		if !known || (o != nil) != there || there && !o.IsWithheld() {
			t.Errorf("Secret %s: known %v, %+v", name, known, o)
		}
	}
}

// A server that answers with the objects, and not with what it was asked for, is not read.
func TestNoTable(t *testing.T) {
	p := &page{}
	if err := p.fromTable([]byte(`{"kind":"SecretList","items":[{"metadata":{"name":"s"},"data":{"k":"aGVycmluZy00NzEx"}}]}`)); err == nil || len(p.Items) > 0 {
		t.Errorf("%v, %v", err, p.Items)
	}
	if err := p.fromTable([]byte(`{"kind":"Table","rows":[{"cells":["s"]}]}`)); err == nil {
		t.Error("a row without metadata is taken")
	}
}
