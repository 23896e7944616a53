package source

import "github.com/seatrial/seatrial/simulator/capture"

// key is the object of a request.
func (e *event) key() stateKey {
	key := stateKey{e.ObjectRef.APIGroup, e.ObjectRef.Resource, e.ObjectRef.Namespace, e.ObjectRef.Name}
	if isNamespace(key) {
		key.namespace = ""
	}
	return key
}

// lateRecords are the records of an event that comes after others that were later: what is known of its
// object is not what was before it.
func (a *auditor) lateRecords(e *event, operation capture.Operation) []*capture.Record {
	state := a.state
	a.state = map[stateKey]map[string]any{}
	defer func() { a.state = state }()
	return a.records(e, operation)
}

// later tells whether what is known of an object is of after a request, by the version of its answer.
func later(known, answer map[string]any) bool {
	was, is := number(versionOf(known)), number(versionOf(answer))
	return is > 0 && was > is
}

// outOfOrder tells whether the state that is known is better than what a request tells of it, or as
// good as unknown: the request came too late, or its answer is older than what an earlier one showed.
// Its records note what is known from then on.
func (a *auditor) outOfOrder(e *event, records []*capture.Record) bool {
	if !a.mixed || !e.succeeded() || e.dryRun() || e.operation() == capture.Connect {
		return false
	}
	answer, _ := e.body(e.ResponseObject)
	known, key, deletes := a.state[e.key()], e.key(), e.operation() == capture.Delete
	older := ofItself[e.ObjectRef.Subresource] && later(known, answer)
	switch {
	case !e.late && !older, deletes && uidOf(known) != "" && uidOf(known) == uidOf(answer):
		return false
	case e.Verb == "deletecollection":
		a.goneLate(key, answer)
	case !e.late || !older:
		a.lose(key) // the clock says one thing, the version another, or nothing
	}
	for _, r := range records {
		if r.Left = leftSomething; e.Verb != "deletecollection" && a.state[key] != nil {
			r.Left = encode(a.state[key])
		}
	}
	return true
}

// goneLate forgets those objects of a collection that are certainly the ones that were deleted.
func (a *auditor) goneLate(collection stateKey, answer map[string]any) {
	items, listed := itemsOf(answer)
	for _, item := range items {
		meta := metadataOf(item)
		key := stateKey{collection.group, collection.resource, text(meta, "namespace"), text(meta, "name")}
		if known := a.state[key]; known != nil && uidOf(known) == uidOf(item) {
			a.goes(key, item)
		}
	}
	for key := range a.state {
		if !listed && key.group == collection.group && key.resource == collection.resource && (collection.namespace == "" || collection.namespace == key.namespace) {
			a.lose(key)
		}
	}
}

// uidOf is the uid of an object, or of what a Status is about.
func uidOf(object map[string]any) string {
	if uid := text(metadataOf(object), "uid"); uid != "" {
		return uid
	}
	details, _ := object["details"].(map[string]any)
	return text(details, "uid")
}
