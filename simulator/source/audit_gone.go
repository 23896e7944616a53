package source

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seatrial/seatrial/simulator/capture"
)

// gone forgets what a deletion took away. One that waits for finalizers leaves the object.
func (a *auditor) gone(e *event, key stateKey, records []*capture.Record) {
	answer, _ := e.body(e.ResponseObject)
	switch {
	case e.Verb == "deletecollection":
		a.goneAll(e, key, answer, records)
	case bare(answer) && (waits(answer) || marked(answer) && isNamespace(key)):
		state, sent := a.marks(key, answer)
		if records[0].Left = leftSomething; state == nil {
			a.lose(key)
			return
		}
		a.know(key, state, sent, managedOf(e.ResponseObject))
		records[0].Left = encode(state)
	case whole(answer) != nil && waits(answer):
		records[0].Left = encode(answer)
		a.know(key, answer, false, managedOf(e.ResponseObject))
	default:
		a.forget(key)
	}
}

// goneAll forgets the objects of a deleted collection: those that the answer lists, as they were before;
// where it lists none, those that the request selects.
func (a *auditor) goneAll(e *event, key stateKey, answer map[string]any, records []*capture.Record) {
	if items, listed := itemsOf(answer); listed {
		for i, item := range items {
			if !a.goes(keyOf(records[i]), item) {
				records[i].Left = leftSomething
			}
		}
		return
	}
	for _, k := range slices.AppendSeq(slices.Collect(maps.Keys(a.state)), maps.Keys(a.world)) {
		object := a.state[k]
		if object == nil {
			object = a.snapshot[k]
		}
		if k.group == key.group && k.resource == key.resource && (key.namespace == "" || k.namespace == key.namespace) && e.maySelect(k.name, object) {
			a.goes(k, object)
		}
	}
}

// goes takes an object of a deleted collection away, or the knowledge of it where it may wait.
func (a *auditor) goes(key stateKey, object map[string]any) bool {
	if kept(object) || key.resource == "pods" && key.group == "" {
		a.lose(key)
		return false
	}
	a.forget(key)
	return true
}

// maySelect tells whether an object may be of the collection that a request selects: where its labels
// are not known, or fields are asked for besides its name, it may.
func (e *event) maySelect(name string, object map[string]any) bool {
	query := e.query()
	byLabels, err := labels.Parse(query.Get("labelSelector"))
	byFields, err2 := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil || err2 != nil {
		return true
	}
	if only, ok := byFields.RequiresExactMatch("metadata.name"); ok && only != name {
		return false
	}
	return object == nil || byLabels.Matches(labels.Set((&unstructured.Unstructured{Object: object}).GetLabels()))
}
