package existing

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestGuard holds what may happen to a cluster that was there before.
func TestGuard(t *testing.T) {
	const policies = "/apis/kyverno.io/v1/clusterpolicies"
	const ours, others = `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"seatrial","seatrial.dev/fleet":"0a"}}}`, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"seatrial","seatrial.dev/fleet":"0b"}}}`
	const theirs = `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}`
	for _, test := range []struct {
		reason, method, path, body string
		stored                     string // what is there already; empty: nothing
		through                    bool
	}{
		{"reading", "GET", "/api/v1/secrets", "", "", true},
		{"a dry run of anything", "POST", "/api/v1/namespaces/shop/pods?dryRun=All", `{}`, "", true},
		{"a dry run that is none", "POST", "/api/v1/namespaces/shop/pods?dryRun=All&dryRun=None", `{}`, "", false},
		{"a question about rights", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", `{}`, "", true},
		{"a pod", "POST", "/api/v1/namespaces/shop/pods", `{}`, "", false},
		{"a webhook configuration", "PUT", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/x", `{}`, ours, false},
		{"Kyverno's configuration", "PUT", "/api/v1/namespaces/kyverno/configmaps/kyverno", `{}`, ours, false},
		{"a new policy", "POST", policies, `{"metadata":{"name":"a"}}`, "", true},
		{"a new exception in a namespace", "POST", "/apis/kyverno.io/v2/namespaces/shop/policyexceptions", `{"metadata":{"name":"a"}}`, "", true},
		{"a new version of our policy", "PUT", policies + "/a", `{"metadata":{"name":"a"}}`, ours, true},
		{"a new version of theirs", "PUT", policies + "/a", `{"metadata":{"name":"a"}}`, theirs, false},
		{"a patch", "PATCH", policies + "/a", `{}`, ours, false},
		{"deleting ours", "DELETE", policies + "/a", "", ours, true},
		{"deleting theirs", "DELETE", policies + "/a", "", theirs, false},
		{"a new version of another fleet's", "PUT", policies + "/a", `{"metadata":{"name":"a"}}`, others, false},
		{"deleting another fleet's", "DELETE", policies + "/a", "", others, false},
		{"deleting what is not there", "DELETE", policies + "/a", "", "", true},
		{"deleting all at once", "DELETE", policies, "", ours, false},
		{"what is no path of the API", "POST", "/version", `{}`, "", false},
		{"a policy that is no JSON", "POST", policies, "a: 1", "", false},
	} {
		t.Run(test.reason, func(t *testing.T) {
			through := false
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != test.method {
					if test.stored == "" {
						w.WriteHeader(http.StatusNotFound)
					}
					io.WriteString(w, test.stored)
					return
				}
				through = true
				body, _ := io.ReadAll(r.Body)
				var o struct {
					Metadata struct{ Labels map[string]string }
				}
				if strings.Contains(r.URL.Path, "kyverno.io") && len(body) > 0 && r.URL.RawQuery == "" {
					if json.Unmarshal(body, &o); o.Metadata.Labels[managedBy] != manager || o.Metadata.Labels[fleetIs] != "0a" {
						t.Errorf("sent without the labels: %s", body)
					}
				}
			}))
			defer server.Close()
			req, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := guard{http.DefaultTransport, "0a"}.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if through != test.through || (resp.StatusCode == http.StatusForbidden) == test.through {
				t.Errorf("through is %v, status %d", through, resp.StatusCode)
			}
			if !test.through {
				if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), `"reason":"Forbidden"`) {
					t.Errorf("the refusal is no Status: %s", body)
				}
			}
		})
	}
}
