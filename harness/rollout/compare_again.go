package rollout

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
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
			p.Members = append(p.Members, p.twin(m, updates))
		}
	}
	return nil
}

// twin is a member to which the same happens, with traffic of its own.
func (p *Plan) twin(m *Member, traffic []*capture.Record) *Member {
	out, world := *m, *m.World
	var taken []string
	for _, other := range p.Members {
		taken = append(taken, other.Name)
	}
	out.Name = unlike(taken, m.Name, asItStands)
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

// anew is the creation of a Service that stands without the addresses that it was given, and of a Job without
// the selector: they are another cluster's, and another API server does not take them.
func anew(rec *capture.Record) *capture.Record {
	service, job := capture.GVK{Version: "v1", Kind: "Service"}, capture.GVK{Group: batchv1.GroupName, Version: "v1", Kind: "Job"}
	o := &unstructured.Unstructured{}
	if rec.Operation != capture.Create || rec.SubResource != "" || !rec.Answered() || rec.Kind != service && rec.Kind != job || utiljson.Unmarshal(rec.Object, &o.Object) != nil {
		return rec
	}
	switch rec.Kind {
	case service:
		if ip, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP"); ip == "" || ip == corev1.ClusterIPNone {
			return rec
		}
		unbound(o)
	case job:
		if manual, _, _ := unstructured.NestedBool(o.Object, "spec", "manualSelector"); manual {
			return rec
		}
		unstructured.RemoveNestedField(o.Object, "spec", "selector")
		for _, at := range [][]string{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
			for _, key := range []string{batchv1.ControllerUidLabel, batchv1.JobNameLabel, "controller-uid", "job-name"} {
				unstructured.RemoveNestedField(o.Object, append(slices.Clone(at), key)...)
			}
			if left, _, _ := unstructured.NestedMap(o.Object, at...); len(left) == 0 {
				unstructured.RemoveNestedField(o.Object, at...)
			}
		}
	}
	object, err := json.Marshal(o.Object)
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

// whole gives what stands all that it had where it was captured, but for what another API server gives it:
// the requests are about that. Nothing works on it where answers are compared.
func (s standing) whole(records []*capture.Record) {
	for _, rec := range records {
		id := identityFor(rec)
		o := &unstructured.Unstructured{}
		if !rec.Again || s[id] == nil || utiljson.Unmarshal(rec.OldObject, &o.Object) != nil {
			continue
		}
		unbound(o)
		if id.kind == "Job" && id.group == batchv1.GroupName { // whose selector another API server makes
			_ = unstructured.SetNestedField(o.Object, true, "spec", "manualSelector") // it has a specification
		}
		if content, err := json.Marshal(o.Object); err == nil {
			s[id] = content
		}
	}
}

// unbound drops what only the cluster that stored an object may say.
func unbound(o *unstructured.Unstructured) {
	if o.GetDeletionTimestamp() != nil {
		delete(o.Object, "status") // of a Namespace it would keep others out
	}
	for _, field := range identifying {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	if ip, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP"); o.GetKind() == "Service" && ip != corev1.ClusterIPNone {
		for _, field := range addresses {
			unstructured.RemoveNestedField(o.Object, "spec", field)
		}
	}
}

// statuses writes the statuses of what stands, which nobody sends along when it is made. Where that is not
// to be, both sides are asked without.
func (c *comparison) statuses(ctx context.Context, l *live) error {
	stands, lost := c.standing[l.Member], false
	for _, rec := range l.All {
		o := &unstructured.Unstructured{}
		if content := stands[identityFor(rec)]; !rec.Again || content == nil || utiljson.Unmarshal(content, &o.Object) != nil || o.Object["status"] == nil {
			continue
		}
		there, err := l.client.Resource(o)
		if err != nil {
			continue // it was not loaded, and no answer comes
		}
		patch, err := json.Marshal(map[string]any{"status": o.Object["status"]})
		if err != nil {
			return err
		}
		if _, err := there.Patch(ctx, o.GetName(), types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil && ctx.Err() == nil {
			lost = true
			unstructured.RemoveNestedField(o.Object, "status")
			if stands[identityFor(rec)], err = json.Marshal(o.Object); err != nil {
				return err
			}
		}
	}
	if !lost {
		return nil
	}
	world, err := stands.world(l.World)
	l.World = world
	return err
}
