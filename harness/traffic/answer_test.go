package traffic

import (
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/capture"
)

// The messages were recorded from kube-apiserver 1.36.3 with Kyverno 1.19.1.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		why      string
		code     int
		reason   metav1.StatusReason
		message  string
		kind     Kind
		policies []string
	}{
		{"a ClusterPolicy denies", 400, "", "admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource Pod/a/b was blocked due to the following policies \n\nrequire-labels:\n  check: 'validation error: x'\nno-latest:\n  tag: 'y: z'\n", Denied, []string{"no-latest", "require-labels"}},
		{"ValidatingPolicies deny", 400, "", `admission webhook "vpol.validate.kyverno.svc-fail" denied the request: Policy one failed: label missing; Policy two error: no such key`, Denied, []string{"one", "two"}},
		{"a mutating webhook denies", 400, "", `admission webhook "mutate.kyverno.svc-fail" denied the request: mutation policy x error`, Denied, nil},
		{"a fine-grained webhook denies", 400, "", "admission webhook \"validate.kyverno.svc-fail-finegrained-p\" denied the request: \n\nresource Pod/a/b was blocked due to the following policies \n\np:\n  r: m\n", Denied, []string{"p"}},
		{"the API server's own policy denies", 422, "Invalid", `pods "x" is forbidden: ValidatingAdmissionPolicy 'demo' with binding 'demo-all' denied request: failed expression: false`, Denied, []string{"demo"}},
		{"somebody else's webhook denies", 400, "", `admission webhook "check.example.com" denied the request: no`, Unjudged, nil},
		{"a webhook is down", 500, "InternalError", `Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://127.0.0.1:1": connection refused`, WebhookError, nil},
		{"it exists: every webhook admitted it", 409, metav1.StatusReasonAlreadyExists, `pods "x" already exists`, Admitted, nil},
		{"roles do not allow it", 403, "Forbidden", `pods is forbidden: User "anna" cannot create resource "pods" in API group "" in the namespace "a"`, Unjudged, nil},
		{"PodSecurity refuses", 403, "Forbidden", `pods "x" is forbidden: violates PodSecurity "restricted:latest"`, Unjudged, nil},
		{"not valid", 422, "Invalid", `Pod "x" is invalid: spec.containers: Required value`, Unjudged, nil},
		{"no such namespace", 404, "NotFound", `namespaces "a" not found`, Unjudged, nil},
		{"overload", 429, "TooManyRequests", "slow down", Unjudged, nil},
	} {
		a := Answer{Code: c.code, Message: c.message}
		a.classify(&capture.Record{Operation: capture.Create}, c.reason)
		if a.Kind != c.kind || !slices.Equal(a.Policies, c.policies) {
			t.Errorf("%s: %s %v, want %s %v", c.why, a.Kind, a.Policies, c.kind, c.policies)
		}
		if a.Kind == Unjudged && a.Reason == "" {
			t.Errorf("%s: no reason", c.why)
		}
	}
}

func TestPaths(t *testing.T) {
	pods := capture.GVR{Version: "v1", Resource: "pods"}
	for want, r := range map[string]*capture.Record{
		"/api/v1/namespaces/a/pods":                       {Operation: capture.Create, Resource: pods, Namespace: "a", Name: "x"},
		"/api/v1/namespaces/a/pods/x":                     {Operation: capture.Delete, Resource: pods, Namespace: "a", Name: "x"},
		"/api/v1/namespaces/a/pods/x/eviction":            {Operation: capture.Create, Resource: pods, SubResource: "eviction", Namespace: "a", Name: "x"},
		"/apis/apps/v1/namespaces/a/deployments/x/scale":  {Operation: capture.Update, Resource: capture.GVR{Group: "apps", Version: "v1", Resource: "deployments"}, SubResource: "scale", Namespace: "a", Name: "x"},
		"/api/v1/namespaces/b/pods":                       {Operation: capture.Delete, Resource: pods, Namespace: "b", Name: "x", Collection: true},
		"/api/v1/namespaces":                              {Operation: capture.Create, Resource: capture.GVR{Version: "v1", Resource: "namespaces"}, Namespace: "x", Name: "x"},
		"/api/v1/namespaces/x":                            {Operation: capture.Update, Resource: capture.GVR{Version: "v1", Resource: "namespaces"}, Namespace: "x", Name: "x"},
		"/apis/rbac.authorization.k8s.io/v1/clusterroles": {Operation: capture.Create, Resource: capture.GVR{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}, Name: "a:b"},
	} {
		if got := path(r); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// An API server that gets options does not read the query: a deletion without them there is real.
func TestDeletionsAreDryRunsByTheirOptions(t *testing.T) {
	s := &Sender{host: "https://cluster"}
	rec := &capture.Record{Operation: capture.Delete, Resource: capture.GVR{Version: "v1", Resource: "pods"}, Namespace: "a", Name: "x",
		Options: json.RawMessage(`{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Orphan","preconditions":{"uid":"u"}}`)}
	for dryRun, want := range map[bool]string{
		true:  `{"apiVersion":"meta.k8s.io/v1","dryRun":["All"],"kind":"DeleteOptions","propagationPolicy":"Orphan"}`,
		false: `{"apiVersion":"meta.k8s.io/v1","kind":"DeleteOptions","propagationPolicy":"Orphan"}`,
	} {
		req, reason := s.request(t.Context(), rec, dryRun)
		if reason != "" {
			t.Fatal(reason)
		}
		if body, _ := io.ReadAll(req.Body); string(body) != want {
			t.Errorf("dry run %v: %s, want %s", dryRun, body, want)
		}
	}
}

func TestSampleIsDrawnBySeedAndKeepsOrder(t *testing.T) {
	var all []*capture.Record
	for i := range 100 {
		all = append(all, &capture.Record{Seq: int64(i)})
	}
	one, two, other := Sample(all, 10, 1), Sample(all, 10, 1), Sample(all, 10, 2)
	bySeq := func(a, b *capture.Record) int { return int(a.Seq - b.Seq) }
	if len(one) != 10 || !slices.Equal(one, two) || slices.Equal(one, other) || !slices.IsSortedFunc(one, bySeq) {
		t.Errorf("one %v, two %v, other %v", one, two, other)
	}
	if len(Sample(all, 0, 1)) != 100 || len(Sample(all, 1000, 1)) != 100 {
		t.Error("0 and more than there are mean all")
	}
}

func TestPercentile(t *testing.T) {
	var answers []Answer
	for i := range 100 {
		answers = append(answers, Answer{Code: 201, Took: time.Duration(100-i) * time.Millisecond})
	}
	answers = append(answers, Answer{Took: time.Hour}) // never reached the server
	for percent, want := range map[float64]time.Duration{50: 51, 95: 96, 99: 100} {
		if got := Percentile(answers, percent); got != want*time.Millisecond {
			t.Errorf("p%v %s, want %dms", percent, got, want)
		}
	}
	if Percentile(nil, 99) != 0 {
		t.Error("of nothing: 0")
	}
}
