package admission

import (
	"encoding/json"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/storage"

	"github.com/seatrial/seatrial/simulator/capture"
)

// conflict is what an API server says, before it asks whether an object is valid, of an update
// that a policy made one of another version than that of the stored object.
func conflict(rec *capture.Record, object json.RawMessage) error {
	version := resourceVersion(object)
	if rec.Operation != capture.Update || version == "" || version == resourceVersion(rec.Object) || version == resourceVersion(rec.OldObject) {
		return nil
	}
	if n, err := (storage.APIObjectVersioner{}).ParseResourceVersion(version); err != nil || n == 0 {
		return nil //nolint:nilerr // it is not asked for this version
	}
	resource := schema.GroupResource{Group: rec.Resource.Group, Resource: rec.Resource.Resource}
	return apierrors.NewConflict(resource, rec.Name, errors.New(registry.OptimisticLockErrorMsg))
}

// versioned is what the storage says of a new object to which a policy gave a version. It is asked
// last, after those who validate.
func versioned(rec *capture.Record, object json.RawMessage) error {
	version := resourceVersion(object)
	if rec.Operation != capture.Create || version == resourceVersion(rec.Object) {
		return nil
	}
	if n, err := (storage.APIObjectVersioner{}).ParseResourceVersion(version); err != nil || n == 0 {
		return nil //nolint:nilerr // it is not asked for this version
	}
	return &Refused{storage.ErrResourceVersionSetOnCreate.Error()}
}

func resourceVersion(object json.RawMessage) string {
	var head struct {
		Metadata struct{ ResourceVersion string }
	}
	_ = json.Unmarshal(object, &head) // what does not decode is told of elsewhere
	return head.Metadata.ResourceVersion
}
