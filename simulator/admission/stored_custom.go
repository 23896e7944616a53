package admission

import (
	"encoding/json"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/crdserverscheme"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// storedCustom makes a custom resource what an API server would store.
func storedCustom(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	after, before := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(object, &after.Object); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	if _, ok := after.Object["metadata"].(map[string]any); !ok {
		return object, nil
	}
	var own *apiextensions.CustomResourceSubresourceStatus
	if rec.SubResource == "status" || hasStatus(w, rec) {
		own = &apiextensions.CustomResourceSubresourceStatus{}
	}
	s := customresource.NewStrategy(crdserverscheme.NewUnstructuredObjectTyper(), rec.Namespace != "", schema.GroupVersionKind(rec.Kind), nil, nil, nil, own, nil, nil)
	if rec.Operation == capture.Create {
		identified(after, timeOf(rec))
		after.SetResourceVersion("")
		s.PrepareForCreate(contextOf(rec), after)
		return json.Marshal(after.Object)
	}
	if err := utiljson.Unmarshal(rec.OldObject, &before.Object); err != nil {
		return nil, fmt.Errorf("decode the old object: %w", err)
	}
	var strategy updating = s
	if rec.SubResource == "status" {
		strategy = customresource.NewStatusStrategy(s)
	}
	if err := replaced(strategy, rec, after, before); err != nil {
		return nil, err
	}
	return json.Marshal(after.Object)
}
