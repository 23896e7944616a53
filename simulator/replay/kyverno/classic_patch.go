package kyverno

import (
	"encoding/json"
	"reflect"

	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// patched is an object with what a policy changed in it; nil where that is nothing. Kyverno
// answers with patches, and reads the kind and the namespace of the object off the request: one
// that has others by another policy keeps them.
func patched(object []byte, er engineapi.EngineResponse) []byte {
	if reflect.DeepEqual(er.Resource.Object, er.PatchedResource.Object) {
		return nil
	}
	whole, err := json.Marshal(er.PatchedResource.Object)
	if err != nil {
		return nil
	}
	own := &unstructured.Unstructured{}
	if own.UnmarshalJSON(object) != nil || identity(own) == identity(&er.Resource) {
		return whole
	}
	operations, err := json.Marshal(er.GetPatches())
	if err != nil {
		return nil
	}
	patch, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		return nil
	}
	if whole, err = patch.Apply(object); err != nil {
		return nil
	}
	return whole
}

// identity is what Kyverno takes from the request.
func identity(u *unstructured.Unstructured) [3]string {
	return [3]string{u.GetAPIVersion(), u.GetKind(), u.GetNamespace()}
}
