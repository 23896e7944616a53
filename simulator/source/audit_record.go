package source

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// records makes the records of one admitted request: one, or one for each object of a
// collection whose deletion the log spells out.
func (a *auditor) records(e *event, operation capture.Operation) []*capture.Record {
	r := &capture.Record{
		Cluster: a.cluster, Time: e.time(), Operation: operation, Resource: e.gvr(), SubResource: e.ObjectRef.Subresource,
		Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, User: e.user(), DryRun: e.dryRun(), Live: true, Response: e.response(),
	}
	if r.Resource.Group == "" && r.Resource.Resource == "namespaces" {
		r.Namespace = ""
	}
	request, hidden := e.body(e.RequestObject)
	answer, hiddenToo := e.body(e.ResponseObject)
	r.Redacted = hidden || hiddenToo
	response := whole(answer)
	a.name(r, e, request, response)
	switch operation {
	case capture.Connect:
		a.connect(r, e)
	case capture.Delete:
		if items, listed := itemsOf(answer); e.Verb == "deletecollection" && listed {
			return a.collection(r, request, items) // admission sees the items, not the collection
		}
		a.deletion(r, request, response)
	case capture.Create:
		a.creation(r, e, request, response)
	case capture.Update:
		a.update(r, e, request, answer)
	}
	return []*capture.Record{r}
}

// name fills kind, namespace and name of the record.
func (a *auditor) name(r *capture.Record, e *event, request, response map[string]any) {
	r.Redacted = r.Redacted || e.ofSecrets()
	isOptions := strings.HasSuffix(text(request, "kind"), "Options")
	switch {
	case request != nil && text(request, "kind") != "" && !isOptions && (e.Verb != "patch" || r.Operation == capture.Create):
		r.Kind = capture.ParseGVK(text(request, "apiVersion"), text(request, "kind"))
	case response != nil && text(response, "kind") != "" && !strings.HasSuffix(text(response, "kind"), "List"):
		r.Kind = capture.ParseGVK(text(response, "apiVersion"), text(response, "kind"))
	default:
		kind, ok := a.resources.KindFor(r.Resource)
		r.Kind = kind
		if !ok {
			r.Kind = capture.GVK{Group: r.Resource.Group, Version: r.Resource.Version, Kind: guessKind(r.Resource.Resource)}
			r.Missing = append(r.Missing, capture.MissingKind)
		}
	}
	meta, _ := request["metadata"].(map[string]any)
	if r.Name == "" && !isOptions {
		r.Name = text(meta, "name")
	}
}

// guessKind names a kind after its resource, where nothing else does.
func guessKind(resource string) string {
	name := strings.TrimSuffix(resource, "s")
	if name == "" {
		return resource
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func (a *auditor) creation(r *capture.Record, e *event, request, response map[string]any) {
	object := request // of a server-side apply, too: there is nothing to merge it into
	if object == nil && e.Verb == "patch" && response != nil {
		object = answered(response, nil)
		r.Missing = append(r.Missing, capture.MissingSent)
	}
	if object == nil {
		r.Missing = append(r.Missing, capture.MissingObject)
		return
	}
	complete(object, r)
	r.Object = encode(object)
	r.Owner = a.own(r, object)
}

func (a *auditor) update(r *capture.Record, e *event, request, answer map[string]any) {
	old, sent := a.old(r, request)
	if another(old, answer) || later(old, answer) { // the log does not show how it came
		old, sent = nil, false
	}
	object := request
	if e.Verb == "patch" {
		object = a.changed(r, e, old, sent, answer)
	}
	if object == nil {
		r.Missing = append(r.Missing, capture.MissingObject)
	} else {
		r.Redacted = redact(object) || r.Redacted
		complete(object, r)
		r.Object = encode(object)
		r.Owner = a.own(r, object)
	}
	if old == nil {
		r.Missing = append(r.Missing, capture.MissingOldObject)
		return
	}
	if sent {
		r.Missing = append(r.Missing, capture.MissingStored)
	}
	r.OldObject = encode(old)
	if r.Owner == nil {
		r.Owner = a.own(r, old)
	}
}

// changed is the object that a patch asks for: what it makes of the one before, where that is
// certain, else the answer, with what webhooks made of it in that very request.
func (a *auditor) changed(r *capture.Record, e *event, old map[string]any, sent bool, answer map[string]any) map[string]any {
	response, succeeded := whole(answer), e.succeeded()
	if sent {
		old = nil // nobody knows what it was applied to
	}
	if shown := response != nil || bare(answer); !succeeded || !shown || follows(old, answer) {
		if object := a.patched(r, e, old, response); object != nil {
			return object
		}
	}
	if succeeded && response != nil {
		r.Missing = append(r.Missing, capture.MissingSent)
		return answered(response, old)
	}
	return nil
}

func (a *auditor) deletion(r *capture.Record, request, response map[string]any) {
	if request != nil {
		r.Options = encode(request)
	}
	old, sent := a.state[keyOf(r)], a.sent[keyOf(r)]
	if (old == nil || sent) && text(response, "kind") == r.Kind.Kind {
		old, sent = response, false
	}
	if old == nil {
		r.Missing = append(r.Missing, capture.MissingOldObject)
		return
	}
	if sent {
		r.Missing = append(r.Missing, capture.MissingStored)
	}
	complete(old, r)
	r.OldObject = encode(old)
	r.Owner = a.own(r, old)
}

// collection makes one record for each object of a deleted collection.
func (a *auditor) collection(r *capture.Record, request map[string]any, items []map[string]any) []*capture.Record {
	r.Kind.Kind, r.Collection = strings.TrimSuffix(r.Kind.Kind, "List"), true
	if request != nil {
		r.Options = encode(request)
	}
	var out []*capture.Record
	for _, item := range items {
		one := *r
		one.Missing = slices.Clone(r.Missing)
		meta := metadataOf(item)
		one.Name, one.Namespace = text(meta, "name"), text(meta, "namespace")
		if bare(item) {
			a.deletion(&one, request, nil)
		} else {
			complete(item, &one)
			one.Redacted = redact(item) || one.Redacted
			one.OldObject = encode(item)
			one.Owner = a.own(&one, item)
		}
		out = append(out, &one)
	}
	return out
}

// complete adds what the address of the request says and its body leaves out.
func complete(object map[string]any, r *capture.Record) {
	if text(object, "kind") == "" && r.Kind.Kind != "" {
		object["apiVersion"], object["kind"] = r.Kind.APIVersion(), r.Kind.Kind
	}
	meta, _ := object["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		object["metadata"] = meta
	}
	if text(meta, "name") == "" && r.Name != "" && text(meta, "generateName") == "" {
		meta["name"] = r.Name
	}
	if text(meta, "namespace") == "" && r.Namespace != "" {
		meta["namespace"] = r.Namespace
	}
}

func (a *auditor) own(r *capture.Record, object map[string]any) *capture.Owner {
	if r.SubResource != "" && text(object, "kind") != "Pod" {
		return nil
	}
	return a.owners.root(object, r.Namespace)
}

func encode(object map[string]any) json.RawMessage {
	raw, _ := json.Marshal(object) // it came from JSON
	return raw
}
