package source

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Noise are resources that say nothing to a policy and change all the time: kept by controllers
// for themselves, or copies of other objects. "*.GROUP" are all of a group.
var Noise = []string{
	"events", "events.events.k8s.io", "leases.coordination.k8s.io", "leasecandidates.coordination.k8s.io",
	"endpoints", "endpointslices.discovery.k8s.io", "componentstatuses", "ipaddresses.networking.k8s.io",
	"*.metrics.k8s.io", "*.custom.metrics.k8s.io", "*.external.metrics.k8s.io", "*.extensions",
	"*.reports.kyverno.io", "updaterequests.kyverno.io", "admissionreports.kyverno.io", "clusteradmissionreports.kyverno.io",
	"backgroundscanreports.kyverno.io", "clusterbackgroundscanreports.kyverno.io",
}

// Live collects the objects of a running cluster, one by one and in any order, and
// writes them in an order of their own: the same objects give the same capture.
type Live struct {
	cluster string
	sum     Summary
	known   *owners
	objects []liveObject
}

// LiveObject is an object as an API server returned it.
type LiveObject struct {
	Content      map[string]any // with apiVersion and kind; Live takes it over
	Resource     capture.GVR
	MetadataOnly bool // the rest of the object was not read
	WorldOnly    bool // policies may look it up, but no request is made of it
}

type liveObject struct {
	*object
	world, record, bare bool
}

// NewLive starts the collection of a cluster.
func NewLive(cluster string) *Live {
	return &Live{cluster: cluster, known: newOwners()}
}

// Add takes an object, without its secret values.
func (l *Live) Add(in LiveObject) error {
	meta, _ := in.Content["metadata"].(map[string]any)
	gvk := capture.ParseGVK(text(in.Content, "apiVersion"), text(in.Content, "kind"))
	o := &object{
		gvk: gvk, gvr: in.Resource, namespace: text(meta, "namespace"), name: text(meta, "name"),
		live: true, origin: capture.Origin{Source: "cluster"},
	}
	o.redacted = redact(in.Content)
	raw, err := json.Marshal(in.Content)
	if err != nil {
		return fmt.Errorf("encode %s %s/%s: %w", gvk.Kind, o.namespace, o.name, err)
	}
	o.raw, o.content = raw, lineage(in.Content, meta)
	if in.MetadataOnly {
		o.redacted = true
	}
	l.known.see(o.content, o.namespace)
	l.objects = append(l.objects, liveObject{
		object: o, bare: in.MetadataOnly, record: !in.WorldOnly, world: in.WorldOnly || isWorld(gvk) && !in.MetadataOnly,
	})
	return nil
}

// Len is how many objects were added.
func (l *Live) Len() int { return len(l.objects) }

// Truncate drops all but the first n objects that were added: a list that failed half-way.
func (l *Live) Truncate(n int) {
	clear(l.objects[n:])
	l.objects = l.objects[:n]
}

// Skip notes what could not be read; what is the resource, or the part of it.
func (l *Live) Skip(what, reason string) {
	l.sum.Skipped = append(l.sum.Skipped, capture.Skipped{Cluster: l.cluster, File: what, Reason: reason})
}

// Write writes the cluster with everything collected.
func (l *Live) Write(w *capture.Writer, cluster capture.Cluster) (Summary, error) {
	cluster.Name, cluster.Source = l.cluster, "cluster"
	if err := w.Cluster(cluster); err != nil {
		return l.sum, err
	}
	slices.SortFunc(l.objects, compareLive)
	for _, o := range l.objects {
		if !o.world {
			continue
		}
		l.sum.World++
		if err := w.World(capture.WorldObject{Cluster: l.cluster, Object: o.raw, Origin: o.origin}); err != nil {
			return l.sum, err
		}
	}
	slices.SortStableFunc(l.sum.Skipped, func(a, b capture.Skipped) int { return cmp.Compare(a.File, b.File) })
	for _, s := range l.sum.Skipped {
		if err := w.Skipped(s); err != nil {
			return l.sum, err
		}
	}
	return l.sum, l.writeRecords(w)
}

func (l *Live) writeRecords(w *capture.Writer) error {
	for _, o := range l.objects {
		if !o.record {
			continue
		}
		r := o.object.record(l.cluster, l.known)
		if o.bare {
			r.Missing = []capture.Missing{capture.MissingObject, capture.MissingUser}
		}
		l.sum.Objects++
		l.sum.Live++
		if o.redacted {
			l.sum.Redacted++
		}
		if err := w.Record(r); err != nil {
			return err
		}
	}
	return nil
}

// compareLive puts first what tells a reader the resources of the rest, then the
// Namespaces that the rest is in.
func compareLive(a, b liveObject) int {
	return cmp.Or(
		cmp.Compare(rank(a.gvk.Kind), rank(b.gvk.Kind)),
		cmp.Compare(a.gvr.Group, b.gvr.Group), cmp.Compare(a.gvr.Resource, b.gvr.Resource),
		cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name),
	)
}

func rank(kind string) int {
	order := []string{capture.APIResourceList, "CustomResourceDefinition", "Namespace"}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// lineage is what is needed of an object to find the owners of all: little, so that a
// large cluster is not held in memory twice.
func lineage(content, meta map[string]any) map[string]any {
	kept := map[string]any{}
	for _, key := range []string{"name", "uid", "ownerReferences", "labels"} {
		if value, ok := meta[key]; ok {
			kept[key] = value
		}
	}
	return map[string]any{"apiVersion": content["apiVersion"], "kind": content["kind"], "metadata": kept}
}
