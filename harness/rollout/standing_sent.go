package rollout

import (
	"encoding/json"
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// sent is a record as it is sent: a dry run, on top of what stands. What it was answered
// where it was captured (a quota was used up, an account was missing) does not count here.
func (s standing) sent(rec *capture.Record) *capture.Record {
	out := *rec
	out.DryRun, out.Response = true, nil
	out.User.Extra = inHeaders(rec.User.Extra)
	if rec.Operation == capture.Create && rec.SubResource == "" {
		_, out.Standing = s[identityFor(rec)]
	}
	if len(rec.OldObject) == 0 || rec.SubResource != "" {
		return &out
	}
	stored := s[identityFor(rec)]
	if old, err := freshJSON(rec.OldObject); err == nil && stored != nil && !reflect.DeepEqual(decoded(old), decoded(stored)) {
		out.OldObject = identical(stored, rec.OldObject)
	}
	if rec.Again {
		out.Object = out.OldObject
	}
	return &out
}

// identical is what stands with the identity that it was captured with, which the object that is
// sent has, too.
func identical(stored, captured json.RawMessage) json.RawMessage {
	now, was := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if utiljson.Unmarshal(stored, &now.Object) != nil || utiljson.Unmarshal(captured, &was.Object) != nil {
		return stored
	}
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp"} {
		if value, ok, _ := unstructured.NestedFieldNoCopy(was.Object, "metadata", field); ok {
			_ = unstructured.SetNestedField(now.Object, value, "metadata", field) // both have metadata
		}
	}
	for _, field := range addresses {
		if value, ok, _ := unstructured.NestedFieldNoCopy(was.Object, "spec", field); ok && was.GetKind() == "Service" {
			_ = unstructured.SetNestedField(now.Object, value, "spec", field) // it has a specification
		}
	}
	out, _ := json.Marshal(now.Object) // it came from JSON
	return out
}

// inHeaders is what of a user's extra can be told in headers: a list without values cannot.
func inHeaders(extra map[string][]string) map[string][]string {
	out := maps.Clone(extra)
	maps.DeleteFunc(out, func(_ string, values []string) bool { return len(values) == 0 })
	return out
}
