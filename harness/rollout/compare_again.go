package rollout

import (
	"encoding/json"
	"iter"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/replay"
)

// asItStands ends the name of a cluster in which everything is there that was captured.
const asItStands = "-as-it-stands"

// expand gives the members what a replay judges beside what was captured: the pods of templates, and the
// updates of what stands to itself. A creation is asked where its object is not there, an update where it
// is: who has objects that stand gets a second cluster.
func (p *Plan) expand() error {
	var twins []*Member
	for _, m := range p.Members {
		captured := m.All
		m.All = nil
		var updates []*capture.Record
		for rec, err := range replay.Expand(recordsOf(captured)) {
			if err != nil {
				return err
			}
			if rec.Again {
				updates = append(updates, rec)
				continue
			}
			rec = anew(rec)
			rec.TemplateOf = nil // sent as it is, whatever policies make of its template
			m.All = append(m.All, rec)
		}
		if len(updates) > 0 {
			twins = append(twins, p.twin(m, updates))
		}
	}
	p.Members = append(p.Members, twins...)
	return nil
}

// twin is a member to which the same happens, with traffic of its own.
func (p *Plan) twin(m *Member, traffic []*capture.Record) *Member {
	out, world := *m, *m.World
	out.Name = label(m.Name[:min(len(m.Name), 63-len(asItStands))]) + asItStands
	out.All, out.World = traffic, &world
	for _, s := range p.Stages {
		changes := slices.Clone(s.Changes[m.Name])
		for i := range changes {
			changes[i].Cluster = out.Name
		}
		s.Changes[out.Name] = changes
	}
	return &out
}

// anew is the creation of a Service that stands without the addresses that it was given: they are another
// cluster's, and another API server does not take them.
func anew(rec *capture.Record) *capture.Record {
	service := &unstructured.Unstructured{}
	if rec.Operation != capture.Create || !rec.Answered() || rec.Kind != (capture.GVK{Version: "v1", Kind: "Service"}) || utiljson.Unmarshal(rec.Object, &service.Object) != nil {
		return rec
	}
	if ip, _, _ := unstructured.NestedString(service.Object, "spec", "clusterIP"); ip == "" || ip == corev1.ClusterIPNone {
		return rec
	}
	for _, field := range []string{"clusterIP", "clusterIPs", "healthCheckNodePort"} {
		unstructured.RemoveNestedField(service.Object, "spec", field)
	}
	object, err := json.Marshal(service.Object)
	if err != nil {
		return rec
	}
	out := *rec
	out.Object, out.Live = object, false
	return &out
}

func recordsOf(records []*capture.Record) func() iter.Seq2[*capture.Record, error] {
	return (&Member{Records: records}).records
}

// owned gives what stands its owners and finalizers back, as it was captured: the requests are about them,
// and nothing collects garbage where answers are compared.
func (s standing) owned(records []*capture.Record) {
	for _, rec := range records {
		id := identityFor(rec)
		stood, was := &unstructured.Unstructured{}, &unstructured.Unstructured{}
		if !rec.Again || utiljson.Unmarshal(s[id], &stood.Object) != nil || utiljson.Unmarshal(rec.OldObject, &was.Object) != nil {
			continue
		}
		for _, field := range []string{"ownerReferences", "finalizers"} {
			if value, ok, _ := unstructured.NestedFieldNoCopy(was.Object, "metadata", field); ok {
				_ = unstructured.SetNestedField(stood.Object, value, "metadata", field) // it has metadata
			}
		}
		if content, err := json.Marshal(stood.Object); err == nil {
			s[id] = content
		}
	}
}
