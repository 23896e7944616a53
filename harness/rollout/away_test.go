package rollout

import (
	"encoding/json"
	"testing"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// made is a provider of clusters that nobody starts.
type made struct{ cluster.Provider }

func (made) Kind() string { return "embedded" }

// What a dry run creates is not there before, but for what the rehearsal does something with; of
// that the prediction knows that it is there.
func TestTakenOut(t *testing.T) {
	objects := map[string]string{
		"Ingress":    `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"web","namespace":"shop"}}`,
		"Deployment": `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"c"}]}}}}`,
		"Namespace":  `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`,
		"ConfigMap":  `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kyverno","namespace":"kyverno"}}`,
	}
	resources := map[string]capture.GVR{
		"Ingress": {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}, "Deployment": {Group: "apps", Version: "v1", Resource: "deployments"},
		"Namespace": {Version: "v1", Resource: "namespaces"}, "ConfigMap": {Version: "v1", Resource: "configmaps"},
	}
	namespaces := map[string]string{"Ingress": "shop", "Deployment": "shop", "ConfigMap": "kyverno"}
	names := map[string]string{"Ingress": "web", "Deployment": "web", "Namespace": "shop", "ConfigMap": "kyverno"}
	for _, c := range []struct {
		name       string
		components []string
		traffic    scenarios.Traffic
		stays      map[string]bool
	}{
		{"Kyverno alone", []string{"kyverno"}, scenarios.Traffic{}, map[string]bool{"Namespace": true, "ConfigMap": true}},
		{"workloads run", []string{"kyverno", string(cluster.ControllerManager)}, scenarios.Traffic{}, map[string]bool{"Deployment": true, "Namespace": true, "ConfigMap": true}},
		{"all is scanned", []string{"kyverno", string(cluster.KyvernoReports)}, scenarios.Traffic{}, map[string]bool{"Ingress": true, "Deployment": true, "Namespace": true, "ConfigMap": true}},
		{"real requests", []string{"kyverno"}, scenarios.Traffic{Real: true}, nil},
	} {
		var world []*capture.WorldObject
		m := &Member{Cluster: scenarios.Cluster{Name: "a", Components: c.components}, Sets: []*policy.Set{policy.FromObjects("none", nil)}}
		records := map[string]*capture.Record{}
		for kind, raw := range objects {
			object := json.RawMessage(raw)
			world = append(world, &capture.WorldObject{Object: object})
			gvr := resources[kind]
			records[kind] = &capture.Record{Cluster: "a", Operation: capture.Create, Kind: capture.GVK{Group: gvr.Group, Version: gvr.Version, Kind: kind}, Resource: gvr,
				Namespace: namespaces[kind], Name: names[kind], Object: object, Origin: capture.Origin{Source: "cluster"}}
			m.All = append(m.All, records[kind])
		}
		var err error
		if m.World, err = capture.NewWorld(capture.Cluster{Name: "a", Complete: true}, world...); err != nil {
			t.Fatal(err)
		}
		r := &rehearsal{Options: Options{Provider: made{}}, plan: &Plan{Scenario: &scenarios.Scenario{Traffic: c.traffic}, Members: []*Member{m}}}
		if err := r.takeOut(); err != nil {
			t.Fatal(err)
		}
		there := r.there[m]
		if (there == nil) != c.traffic.Real {
			t.Fatalf("%s: %v", c.name, there)
		}
		for kind, rec := range records {
			found, _ := m.World.Get(resources[kind], namespaces[kind], names[kind])
			if c.traffic.Real {
				if found == nil {
					t.Errorf("%s: %s is taken out", c.name, kind)
				}
				continue
			}
			if standing := there.sent(rec).Standing; standing != c.stays[kind] || (found != nil) != c.stays[kind] {
				t.Errorf("%s: %s stands %v, the replay finds %v", c.name, kind, standing, found != nil)
			}
		}
		left, _ := initial(m.World, m.All, false)
		out := newTally()
		if n := len(objects) - len(c.stays); there != nil {
			there.left(left, out)
			if told := out.list(); n > 0 && (len(told) != 1 || told[0].Count != n) {
				t.Errorf("%s: %v is told of %d objects", c.name, told, n)
			}
		}
	}
}
