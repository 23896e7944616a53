package traffic

import (
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Of what every API server makes itself the creation is not sent; all else about it is.
func TestAnAPIServersOwnObjectsAreNotCreated(t *testing.T) {
	service, slice := capture.GVK{Version: "v1", Kind: "Service"}, capture.GVK{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}
	s := &Sender{host: "https://cluster"}
	for _, c := range []struct {
		why             string
		kind            capture.GVK
		op              capture.Operation
		namespace, name string
		reason          string
	}{
		{"the Service", service, capture.Create, "default", "kubernetes", ownReason},
		{"its Endpoints", capture.GVK{Version: "v1", Kind: "Endpoints"}, capture.Create, "default", "kubernetes", ownReason},
		{"its EndpointSlice", slice, capture.Create, "default", "kubernetes", ownReason},
		{"an update", service, capture.Update, "default", "kubernetes", ""},
		{"another namespace", service, capture.Create, "shop", "kubernetes", ""},
		{"another name", slice, capture.Create, "default", "kubernetes-abcde", ""},
		{"another kind", capture.GVK{Version: "v1", Kind: "ConfigMap"}, capture.Create, "default", "kubernetes", ""},
		{"another group", capture.GVK{Group: "serving.knative.dev", Version: "v1", Kind: "Service"}, capture.Create, "default", "kubernetes", ""},
	} {
		rec := &capture.Record{Operation: c.op, Kind: c.kind, Resource: capture.GVR{Version: "v1", Resource: "services"}, Namespace: c.namespace, Name: c.name, Object: []byte(`{"kind":"Service"}`)}
		for _, dryRun := range []bool{true, false} {
			if _, reason := s.request(t.Context(), rec, dryRun); reason != c.reason {
				t.Errorf("%s, dry run %v: %q, want %q", c.why, dryRun, reason, c.reason)
			}
		}
	}
}
