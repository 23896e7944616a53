package kyverno

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// selectable are the fields by which lists are selected here, each with what counts where an
// object does not have it. An API server knows more for some kinds.
var selectable = map[string]string{
	"metadata.name": "", "metadata.namespace": "", "type": "",
	"spec.nodeName": "", "spec.restartPolicy": "", "spec.schedulerName": "", "spec.serviceAccountName": "",
	"spec.hostNetwork": "false", "spec.unschedulable": "false",
	"status.phase": "", "status.nominatedNodeName": "", "status.replicas": "0",
}

// byFields reads the field selector of a list. By what a kind has not, an API server does not
// select; what this does not evaluate is unknown.
func (c client) byFields(path string, at apiPath, query string) (func(map[string]any) bool, error) {
	selector, err := fields.ParseSelector(query)
	if err != nil {
		return nil, errBadQuery()
	}
	kind, _ := c.req.look.kindFor(at.resource)
	selector, err = selector.Transform(func(field, value string) (string, string, error) {
		return admission.SelectableField(capture.GVK(kind), field, value)
	})
	if err != nil {
		return nil, errBadQuery()
	}
	for _, r := range selector.Requirements() {
		own := strings.HasPrefix(r.Field, "metadata.") || admission.Known(capture.GVK(kind))
		if _, ok := selectable[r.Field]; !ok || !own {
			return nil, c.unknown("GET "+path, "selecting by "+r.Field+" is not evaluated offline")
		}
	}
	return func(object map[string]any) bool {
		has := fields.Set{}
		for _, r := range selector.Requirements() {
			has[r.Field] = selectable[r.Field]
			if value, ok, _ := unstructured.NestedFieldNoCopy(object, strings.Split(r.Field, ".")...); ok {
				has[r.Field] = fmt.Sprint(value)
			}
		}
		return selector.Matches(has)
	}, nil
}
