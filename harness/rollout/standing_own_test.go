package rollout

import (
	"testing"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// serversOwn is the creation of an object that every API server makes itself.
func serversOwn(kind string, gvr capture.GVR) *capture.Record {
	apiVersion := gvr.Version
	if gvr.Group != "" {
		apiVersion = gvr.Group + "/" + gvr.Version
	}
	return &capture.Record{Operation: capture.Create, Kind: capture.GVK{Group: gvr.Group, Version: gvr.Version, Kind: kind}, Resource: gvr, Namespace: "default", Name: "kubernetes",
		Object: []byte(`{"apiVersion":"` + apiVersion + `","kind":"` + kind + `","metadata":{"name":"kubernetes","namespace":"default"}}`)}
}

// What every API server makes itself is there for both sides, be it that a request creates it.
func TestAnAPIServersOwnObjectsStand(t *testing.T) {
	w, err := capture.NewWorld(capture.Cluster{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	other := serversOwn("Service", capture.GVR{Version: "v1", Resource: "services"})
	other.Name, other.Object = "web", []byte(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"default"}}`)
	stands, err := stand(w, []*capture.Record{
		serversOwn("Service", capture.GVR{Version: "v1", Resource: "services"}), serversOwn("Endpoints", capture.GVR{Version: "v1", Resource: "endpoints"}),
		serversOwn("EndpointSlice", capture.GVR{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}), other,
	}, nil, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[identity]bool{
		{"", "Service", "default", "kubernetes"}: true, {"", "Endpoints", "default", "kubernetes"}: true,
		{"discovery.k8s.io", "EndpointSlice", "default", "kubernetes"}: true, {"", "Service", "default", "web"}: false,
	} {
		if _, ok := stands[id]; ok != want {
			t.Errorf("%v stands: %v", id, ok)
		}
	}
}

// Whether a policy is in force is not asked by a request that is not sent.
func TestAnAPIServersOwnObjectsProveNothing(t *testing.T) {
	before, after := policy.FromObjects("before", nil), set("ClusterPolicy/a=1")
	own, web := serversOwn("Service", capture.GVR{Version: "v1", Resource: "services"}), serversOwn("Service", capture.GVR{Version: "v1", Resource: "services"})
	web.Name = "web"
	records := []*capture.Record{own, web}
	pr := newPrediction()
	pr.add(before, records, unhindered(2))
	pr.add(after, records, []verdict.Judgement{{Decision: verdict.Denied}, {Decision: verdict.Denied}})
	if got := pr.flips(records, before, after); len(got) != 1 || got[0] != web {
		t.Errorf("%v", got)
	}
}

// A creation that is not sent is no miss, and is counted with the reason.
func TestAnAPIServersOwnObjectsAreNotJudged(t *testing.T) {
	after := set("ClusterPolicy/a=1")
	own := serversOwn("Service", capture.GVR{Version: "v1", Resource: "services"})
	m := &Member{Records: []*capture.Record{own}}
	pr := newPrediction()
	pr.add(after, m.Records, []verdict.Judgement{{Decision: verdict.Allowed}})
	r := &rehearsal{plan: &Plan{Members: []*Member{m}}, predicted: map[*Member]*prediction{m: pr}, line: &timeline.Timeline{}}
	answer := (&traffic.Sender{}).Send(t.Context(), own, true)
	if misses := r.compare(&live{Member: m}, "s", after, []traffic.Answer{answer}); misses != 0 {
		t.Errorf("%d misses: %+v", misses, r.line.Fidelity.Misses)
	}
	if f := r.line.Fidelity; f.Compared != 0 || len(f.Unjudged) != 1 || f.Unjudged[0].Reason != "every API server makes it itself" {
		t.Errorf("%+v", f)
	}
}
