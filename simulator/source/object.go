package source

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
	"github.com/seatrial/seatrial/simulator/policy"
)

// object is one manifest on its way into a capture.
type object struct {
	content    map[string]any
	gvk        capture.GVK
	gvr        capture.GVR
	namespace  string
	name       string
	live       bool
	redacted   bool
	origin     capture.Origin
	raw        json.RawMessage
	generated  string
	namespaced bool
	guessed    bool // the scope, since nothing defines the kind
	unplaced   bool // it names no namespace, nor does anybody for it
}

const notAnObject = "no object"

// newObject places a document; it returns the reason why not where it is none. namespace is that of
// objects which name none.
func newObject(doc manifest.Document, resources *capture.Resources, namespace string) (*object, string) {
	if doc.Err != nil {
		return nil, doc.Err.Error()
	}
	if doc.Empty {
		return nil, ""
	}
	apiVersion, kind := text(doc.Object, "apiVersion"), text(doc.Object, "kind")
	if doc.Object == nil || apiVersion == "" || kind == "" || policy.IsClientSide(apiVersion) {
		return nil, notAnObject
	}
	meta, _ := doc.Object["metadata"].(map[string]any)
	o := &object{content: doc.Object, gvk: capture.ParseGVK(apiVersion, kind), name: text(meta, "name"), generated: text(meta, "generateName")}
	if meta == nil || o.name == "" && o.generated == "" {
		if _, template := doc.Object["objects"]; template && kind == "Template" {
			return nil, kind + " must be processed first: its objects are templates"
		}
		if name := meta["name"]; name != nil && name != "" {
			return nil, kind + ": metadata.name is no string: put it into quotes"
		}
		return nil, kind + " has no metadata.name"
	}
	o.namespace = text(meta, "namespace")
	known := false
	o.gvr, o.namespaced, known = resources.ResourceFor(o.gvk)
	o.place(meta, known, namespace)
	o.live = isLive(doc.Object, meta)
	o.redacted = redact(doc.Object)
	raw, err := json.Marshal(doc.Object)
	if err != nil {
		return nil, kind + " cannot be encoded as JSON"
	}
	if len(raw) > capture.MaxObject {
		return nil, fmt.Sprintf("%s is larger than %d MiB: no API server takes it", kind, capture.MaxObject>>20)
	}
	o.raw = raw
	return o, ""
}

// place gives the object the namespace that a client and an API server would: the usual one, or
// "default", where a namespaced object names none, none for a cluster-scoped one. The scope of a kind
// that is only guessed is what its object says.
func (o *object) place(meta map[string]any, known bool, usual string) {
	if !known {
		o.namespaced, o.guessed = o.namespace != "", o.namespace == ""
	}
	switch {
	case !o.namespaced:
		o.namespace = ""
		delete(meta, "namespace")
	case o.namespace == "":
		o.unplaced = usual == ""
		o.namespace = cmp.Or(usual, "default")
		meta["namespace"] = o.namespace
	}
}

func (o *object) record(cluster string, known *owners) *capture.Record {
	r := &capture.Record{
		Cluster: cluster, Operation: capture.Create, Kind: o.gvk, Resource: o.gvr,
		Namespace: o.namespace, Name: o.name, Object: o.raw, Origin: o.origin, Live: o.live, Redacted: o.redacted,
		Missing: []capture.Missing{capture.MissingUser},
	}
	r.Owner = known.root(o.content, o.namespace)
	return r
}

// isLive tells whether an API server returned the object.
func isLive(object, meta map[string]any) bool {
	if text(meta, "resourceVersion") != "" || text(meta, "uid") != "" || meta["ownerReferences"] != nil {
		return true
	}
	status, _ := object["status"].(map[string]any)
	return len(status) > 0 && text(object, "kind") != "CustomResourceDefinition"
}

// worldKinds are the kinds besides policies that policies and admission may look up.
var worldKinds = []string{
	"Namespace", "ConfigMap", "ServiceAccount", "Secret", "LimitRange", "ResourceQuota",
	"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
	"CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
	"PriorityClass", "StorageClass", "IngressClass", "RuntimeClass",
}

func isWorld(gvk capture.GVK) bool {
	return slices.Contains(worldKinds, gvk.Kind) || policy.IsPolicyKind(gvk.APIVersion(), gvk.Kind)
}
