package rollout

import (
	"fmt"
	"testing"

	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// A gate that looks ahead counts what the report's replay says: what stands as an update to itself as well,
// and pods of templates; each object once.
func TestAheadCountsWhatStands(t *testing.T) {
	candidate, err := policy.Load(t.Context(), "testdata/foresee.yaml", policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	deployment := func(name, labels, image string, live bool) *capture.Record {
		return &capture.Record{
			Cluster: "c", Operation: capture.Create, Kind: capture.GVK{Group: "apps", Version: "v1", Kind: "Deployment"},
			Resource: capture.GVR{Group: "apps", Version: "v1", Resource: "deployments"}, Namespace: "shop", Name: name, Live: live, Origin: capture.Origin{Source: "cluster"},
			Object: fmt.Appendf(nil, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%q,"namespace":"shop","labels":{%s}},"spec":{"selector":{"matchLabels":{"a":"b"}},`+
				`"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"a","image":%q}]}}}}`, name, labels, image),
		}
	}
	for _, c := range []struct {
		why    string
		record *capture.Record
		denied int
	}{
		{"nothing is denied", deployment("fine", `"team":"a","owner":"b"`, "ours/a", true), 0},
		{"its creation", deployment("teamless", `"owner":"b"`, "ours/a", true), 1},
		{"its update", deployment("ownerless", `"team":"a"`, "ours/a", true), 1},
		{"its pods", deployment("foreign", `"team":"a","owner":"b"`, "theirs/a", true), 1},
		{"all of it", deployment("bad", `"x":"y"`, "theirs/a", true), 1},
		{"it does not stand", deployment("written", `"team":"a"`, "ours/a", false), 0},
	} {
		w, err := capture.NewWorld(capture.Cluster{Name: "c"})
		if err != nil {
			t.Fatal(err)
		}
		m := &Member{Captured: w, Records: []*capture.Record{c.record, c.record}, Sets: []*policy.Set{policy.FromObjects("none", nil), candidate}}
		most := 0
		s := &Stage{Stage: scenarios.Stage{Gate: scenarios.Gate{PredictedDenied: &most}}, Picked: []*Member{m}}
		r := &rehearsal{plan: &Plan{Members: []*Member{m}, Stages: []*Stage{s}}}
		if r.foreseen, err = r.plan.foresee(t.Context(), kyverno.Options{}, 2); err != nil {
			t.Fatal(err)
		}
		if denied, _ := r.ahead(&Stage{}); denied != 2*c.denied { // two of them
			t.Errorf("%s: %d denied, want %d", c.why, denied, 2*c.denied)
		}
		if n := m.updates(); (n == 2) != c.record.Live {
			t.Errorf("%s: %d updates", c.why, n)
		}
	}
}

// Nothing is replayed that no gate asks about.
func TestNobodyForeseesWithoutAGate(t *testing.T) {
	m := &Member{Sets: []*policy.Set{policy.FromObjects("none", nil), policy.FromObjects("none", nil)}}
	p := &Plan{Members: []*Member{m}, Stages: []*Stage{{Picked: []*Member{m}}}}
	if got, err := p.foresee(t.Context(), kyverno.Options{}, 1); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}
