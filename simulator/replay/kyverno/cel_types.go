package kyverno

import (
	"encoding/json"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/openapi"
	"k8s.io/kube-openapi/pkg/spec3"
	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
)

// schemaVersion is the Kubernetes release whose built-in types mutations are merged by:
// the newest that the embedded schemas hold.
const schemaVersion = "1.35"

// typeConverters merges what mutations of type ApplyConfiguration set, by the OpenAPI
// schemas of Kubernetes' built-in types: lists are merged by their keys. Schemas are read
// when they are first asked for. Custom resources have none here; see typeConverter.
type typeConverters struct {
	mu    sync.Mutex
	paths map[string]openapi.GroupVersion
	made  map[schema.GroupVersion]managedfields.TypeConverter
}

// GetTypeConverter returns the converter of a group version. Safe for concurrent use.
func (t *typeConverters) GetTypeConverter(gvk schema.GroupVersionKind) managedfields.TypeConverter {
	t.mu.Lock()
	defer t.mu.Unlock()
	if made, ok := t.made[gvk.GroupVersion()]; ok {
		return made
	}
	if t.made == nil {
		t.made = map[schema.GroupVersion]managedfields.TypeConverter{}
		t.paths, _ = openapiclient.NewHardcodedBuiltins(schemaVersion).Paths() // embedded: it cannot fail
	}
	made, ok := t.read(gvk.GroupVersion())
	if !ok {
		made = managedfields.NewDeducedTypeConverter()
	}
	t.made[gvk.GroupVersion()] = made
	return made
}

func (t *typeConverters) read(gv schema.GroupVersion) (managedfields.TypeConverter, bool) {
	path := "apis/" + gv.String()
	if gv.Group == "" {
		path = "api/" + gv.Version
	}
	entry, ok := t.paths[path]
	if !ok {
		return nil, false
	}
	content, err := entry.Schema(runtime.ContentTypeJSON)
	if err != nil {
		return nil, false
	}
	var document spec3.OpenAPI
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, false
	}
	made, err := managedfields.NewTypeConverter(document.Components.Schemas, false)
	return made, err == nil
}

// knows tells whether the schema of a group version is at hand.
func (t *typeConverters) knows(gvk schema.GroupVersionKind) bool {
	return !strings.Contains(gvk.Group, ".") || strings.HasSuffix(gvk.Group, ".k8s.io")
}
