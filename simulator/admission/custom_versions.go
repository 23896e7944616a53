package admission

import (
	"encoding/json"
	"reflect"
	"slices"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Versions are the versions in which an API server serves a custom resource.
type Versions struct {
	Served []string // in the order of the definition
	// Webhook says that one converts between them. Otherwise the versions differ in nothing
	// but their names.
	Webhook bool
	storage string
	// all are the versions that there are, and status those that have a status of their own.
	all, status []string
}

var versions sync.Map // *capture.WorldObject → *Versions

// VersionsOf are the versions of a record's kind; nil where the world does not hold its definition.
func VersionsOf(w *capture.World, rec *capture.Record) *Versions {
	if rec.Resource.Group == "" || known().IsGroupRegistered(rec.Resource.Group) {
		return nil
	}
	return versionsOf(w, rec)
}

func versionsOf(w *capture.World, rec *capture.Record) *Versions {
	found := definitionOf(w, rec)
	if found == nil {
		return nil
	}
	read, ok := versions.Load(found)
	if !ok {
		read, _ = versions.LoadOrStore(found, readVersions(found.Object))
	}
	return read.(*Versions)
}

// hasStatus tells whether a custom resource has a status of its own.
func hasStatus(w *capture.World, rec *capture.Record) bool {
	v := versionsOf(w, rec)
	return v != nil && slices.Contains(v.status, rec.Kind.Version)
}

// ServesStatus tells whether an API server serves the status of a kind by itself; known is false
// for a custom resource whose definition the world does not hold.
func ServesStatus(w *capture.World, kind capture.GVK, resource capture.GVR) (serves, isKnown bool) {
	if object, err := known().New(schema.GroupVersionKind(kind)); err == nil {
		return reflect.ValueOf(object).Elem().FieldByName("Status").IsValid(), true
	}
	rec := &capture.Record{Kind: kind, Resource: resource}
	return hasStatus(w, rec), definitionOf(w, rec) != nil
}

func readVersions(raw json.RawMessage) *Versions {
	v := &Versions{}
	var definition apiextensionsv1.CustomResourceDefinition
	if json.Unmarshal(raw, &definition) != nil {
		return v // no API server has it
	}
	for _, one := range definition.Spec.Versions {
		v.all = append(v.all, one.Name)
		if one.Served {
			v.Served = append(v.Served, one.Name)
		}
		if one.Storage {
			v.storage = one.Name
		}
		if one.Subresources != nil && one.Subresources.Status != nil {
			v.status = append(v.status, one.Name)
		}
	}
	conversion := definition.Spec.Conversion
	v.Webhook = conversion != nil && conversion.Strategy == apiextensionsv1.WebhookConverter
	return v
}

// renamed is a custom resource in another version of its kind, where no webhook converts it.
func renamed(raw json.RawMessage, to schema.GroupVersion) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	version, err := json.Marshal(to.String())
	if err != nil {
		return nil, err
	}
	object["apiVersion"] = version
	return json.Marshal(object)
}
