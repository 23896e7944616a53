package source

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// AuditSummary counts what an audit log held.
type AuditSummary struct {
	Events      int // read, of any kind
	OtherStages int // RequestReceived, ResponseStarted
	Duplicates  int // the same audit ID and stage twice
	Late        int // events of a pipe that were before others that had come, by their times
	Timeless    int // events without a time, of several logs: they come as their files do
	Reads       int // requests that are not admitted
	Empty       int // deletions of collections that held nothing: nothing was admitted
	Complete    int // records with everything
	Partial     int // records that lack the old object or the kind, or have an object not as webhooks saw it
	AsSent      int // records whose old object is as it was sent
	AsAnswered  int // records whose object is what the request was answered
	NoBody      int // records without a body
	DryRun      int
	Failed      int // refused or failed when they were recorded
}

// auditor turns events into records. It follows the state of every object through the
// log, to know what an update replaced and what a patch made.
type auditor struct {
	w         *capture.Writer
	cluster   string
	sum       *Summary
	resources *capture.Resources
	owners    *owners
	state     map[stateKey]map[string]any  // last known
	sent      map[stateKey]bool            // of these, what no answer shows: it is as it was sent
	managed   map[stateKey]json.RawMessage // managedFields of these, where an answer shows them
	snapshot  map[stateKey]map[string]any  // of --world, of an unknown moment
	world     map[stateKey]*object         // what policies may look up, latest
	seen      map[string]struct{}
	mixed     bool // the events are of several servers, or did not come in order
}

type stateKey struct{ group, resource, namespace, name string }

// Audit reads audit logs and writes every admitted request of them, in the order of their times,
// as a record of the cluster. files are logs, or folders of logs. worldPaths are manifests or kubectl dumps of the cluster:
// they fill its world. strict makes the first line that is no event an error.
func Audit(ctx context.Context, w *capture.Writer, cluster capture.Cluster, files, worldPaths []string, stdin io.Reader, strict bool) (Summary, error) {
	cluster.Source = "audit"
	a := &auditor{
		w: w, cluster: cluster.Name, sum: &Summary{}, resources: capture.NewResources(), owners: newOwners(),
		state: map[stateKey]map[string]any{}, sent: map[stateKey]bool{}, managed: map[stateKey]json.RawMessage{},
		snapshot: map[stateKey]map[string]any{}, world: map[stateKey]*object{}, seen: map[string]struct{}{},
	}
	if err := w.Cluster(cluster); err != nil {
		return *a.sum, err
	}
	if err := a.readWorld(ctx, worldPaths, stdin); err != nil {
		return *a.sum, err
	}
	if err := a.readLogs(ctx, files, stdin); err != nil {
		return *a.sum, fmt.Errorf("read audit log%w", err)
	}
	if strict && len(a.sum.Skipped) > 0 {
		return *a.sum, strictError(a.sum.Skipped)
	}
	if a.sum.Audit.Events == 0 {
		return *a.sum, fmt.Errorf("%w: no audit event in %s", ErrNothing, strings.Join(files, ", "))
	}
	return *a.sum, a.finish()
}

// readWorld takes the objects of manifests and dumps as the cluster's world.
func (a *auditor) readWorld(ctx context.Context, paths []string, stdin io.Reader) error {
	if len(paths) == 0 {
		return nil
	}
	inputs, err := list(paths, stdin)
	if err != nil {
		return err
	}
	a.sum.Files = len(inputs)
	objects, err := load(ctx, a.sum, capture.Cluster{Name: a.cluster, Source: "manifests"}, inputs)
	if err != nil {
		return err
	}
	var replaced capture.Replaced
	for _, o := range objects {
		replaced.See(&capture.WorldObject{Cluster: a.cluster, Object: o.raw, Origin: o.origin})
		key := stateKey{o.gvr.Group, o.gvr.Resource, o.namespace, o.name}
		a.owners.see(o.content, o.namespace)
		a.snapshot[key] = o.content
		if o.gvk.Kind == "CustomResourceDefinition" {
			a.resources.AddCRD(o.raw)
		}
		a.world[key] = o
	}
	a.sum.Replaced = replaced.Found
	return nil
}

func (a *auditor) event(e *event, origin capture.Origin) error {
	count := &a.sum.Audit
	count.Events++
	if e.Stage != "" && e.Stage != "ResponseComplete" && e.Stage != "Panic" {
		count.OtherStages++
		return nil
	}
	if e.AuditID != "" {
		if _, twice := a.seen[e.AuditID]; twice {
			count.Duplicates++
			return nil
		}
		a.seen[e.AuditID] = struct{}{}
	}
	operation := e.operation()
	if operation == "" {
		count.Reads++
		return nil
	}
	e.hideSecrets()
	var records []*capture.Record
	if e.late {
		records = a.lateRecords(e, operation)
	} else {
		records = a.records(e, operation)
	}
	if len(records) == 0 {
		count.Empty++
	}
	if !a.outOfOrder(e, records) {
		a.follow(e, records)
	}
	for _, r := range records {
		r.Origin = origin
		discreet(r)
		if !r.Lacks(capture.MissingKind) {
			a.resources.Observe(r)
		}
		a.count(r)
		if err := a.w.Record(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) count(r *capture.Record) {
	count := &a.sum.Audit
	slices.Sort(r.Missing)
	switch {
	case r.Lacks(capture.MissingObject) || r.Operation == capture.Delete && r.Lacks(capture.MissingOldObject):
		count.NoBody++
	case len(r.Missing) > 0:
		count.Partial++
	default:
		count.Complete++
	}
	if r.Lacks(capture.MissingStored) {
		count.AsSent++
	}
	if r.Lacks(capture.MissingSent) {
		count.AsAnswered++
	}
	if r.DryRun {
		count.DryRun++
	}
	if r.Response != nil && r.Response.Code >= 400 {
		count.Failed++
	}
	a.sum.Objects++
	if r.Redacted {
		a.sum.Redacted++
	}
}

// finish writes the world: what --world gave, overwritten by the latest state in the log.
func (a *auditor) finish() error {
	for key, content := range a.state {
		gvk := capture.ParseGVK(text(content, "apiVersion"), text(content, "kind"))
		if !isWorld(gvk) {
			continue
		}
		raw, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("encode %s %s: %w", gvk.Kind, key.name, err)
		}
		a.world[key] = &object{gvk: gvk, raw: raw, origin: capture.Origin{Source: "audit"}}
	}
	keys := make([]stateKey, 0, len(a.world))
	for key := range a.world {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y stateKey) int {
		return cmp.Or(cmp.Compare(x.group, y.group), cmp.Compare(x.resource, y.resource), cmp.Compare(x.namespace, y.namespace), cmp.Compare(x.name, y.name))
	})
	for _, key := range keys {
		o := a.world[key]
		if err := a.w.World(capture.WorldObject{Cluster: a.cluster, Object: o.raw, Origin: o.origin}); err != nil {
			return err
		}
	}
	for _, s := range a.sum.Skipped {
		if err := a.w.Skipped(s); err != nil {
			return err
		}
	}
	return nil
}
