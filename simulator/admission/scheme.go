package admission

import (
	"encoding/json"
	"fmt"
	"sync"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/install"
	admissionregistration "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	apps "k8s.io/kubernetes/pkg/apis/apps/install"
	authentication "k8s.io/kubernetes/pkg/apis/authentication/install"
	authorization "k8s.io/kubernetes/pkg/apis/authorization/install"
	autoscaling "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	batch "k8s.io/kubernetes/pkg/apis/batch/install"
	certificates "k8s.io/kubernetes/pkg/apis/certificates/install"
	coordination "k8s.io/kubernetes/pkg/apis/coordination/install"
	core "k8s.io/kubernetes/pkg/apis/core/install"
	discovery "k8s.io/kubernetes/pkg/apis/discovery/install"
	events "k8s.io/kubernetes/pkg/apis/events/install"
	flowcontrol "k8s.io/kubernetes/pkg/apis/flowcontrol/install"
	networking "k8s.io/kubernetes/pkg/apis/networking/install"
	node "k8s.io/kubernetes/pkg/apis/node/install"
	policy "k8s.io/kubernetes/pkg/apis/policy/install"
	rbac "k8s.io/kubernetes/pkg/apis/rbac/install"
	resource "k8s.io/kubernetes/pkg/apis/resource/install"
	scheduling "k8s.io/kubernetes/pkg/apis/scheduling/install"
	storage "k8s.io/kubernetes/pkg/apis/storage/install"
	storagemigration "k8s.io/kubernetes/pkg/apis/storagemigration/install"
	kjson "sigs.k8s.io/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// known holds the kinds of Kubernetes in all their versions, with defaults and conversions.
var known = sync.OnceValue(func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, install := range []func(*runtime.Scheme){
		admissionregistration.Install, apiextensions.Install, apiregistration.Install, apps.Install,
		authentication.Install, authorization.Install, autoscaling.Install, batch.Install,
		certificates.Install, coordination.Install, core.Install, discovery.Install, events.Install, flowcontrol.Install,
		networking.Install, node.Install, policy.Install, rbac.Install, resource.Install, scheduling.Install, storage.Install, storagemigration.Install,
	} {
		install(scheme)
	}
	return scheme
})

// decode reads an object as an API server does: with defaults, through the version that it
// works with. A *Refused error says that it would not.
func decode(raw json.RawMessage, gvk schema.GroupVersionKind) (runtime.Object, error) {
	typed, err := known().New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make a %s: %w", gvk, err)
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, typed); err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	known().Default(typed)
	inside, err := known().UnsafeConvertToVersion(typed, runtime.InternalGroupVersioner)
	if err != nil {
		return nil, &Refused{Undecodable + err.Error()}
	}
	return inside, nil
}

// encode writes an object in a version.
func encode(inside runtime.Object, gvk schema.GroupVersionKind) (json.RawMessage, error) {
	typed, err := known().ConvertToVersion(inside, gvk.GroupVersion())
	if err != nil {
		return nil, fmt.Errorf("convert to %s: %w", gvk, err)
	}
	typed.GetObjectKind().SetGroupVersionKind(gvk)
	return json.Marshal(typed)
}

// Decodes tells whether an API server takes an object for one of its kind; a *Refused error
// says why not. Of custom resources it does not know.
func Decodes(raw json.RawMessage) error {
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return &Refused{err.Error()}
	}
	gvk := schema.GroupVersionKind(capture.ParseGVK(head.APIVersion, head.Kind))
	if !known().Recognizes(gvk) {
		return nil
	}
	_, err := decode(raw, gvk)
	return err
}

// Known tells whether a kind is one of Kubernetes' own, which the API server holds by its type.
func Known(kind capture.GVK) bool { return known().Recognizes(schema.GroupVersionKind(kind)) }

// SelectableField is the field that an API server selects by where a list of one of its own
// kinds is asked for by a field, and its value; an error says that it does not. Of custom
// resources it is the field itself.
func SelectableField(kind capture.GVK, name, value string) (string, string, error) {
	if !Known(kind) {
		return name, value, nil
	}
	return known().ConvertFieldLabel(schema.GroupVersionKind(kind), name, value)
}

// Convert returns an object in another version of its kind, as an API server converts it for
// a webhook that asks for that version. Of custom resources it is the API server's own way.
func Convert(raw json.RawMessage, from, to capture.GVK) (json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if !known().Recognizes(schema.GroupVersionKind(from)) {
		return renamed(raw, schema.GroupVersionKind(to).GroupVersion())
	}
	inside, err := decode(raw, schema.GroupVersionKind(from))
	if err != nil {
		return nil, err
	}
	return encode(inside, schema.GroupVersionKind(to))
}
