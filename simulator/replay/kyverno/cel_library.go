package kyverno

import (
	"fmt"
	"strings"
	"sync"

	gcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	kyvernocommon "github.com/kyverno/kyverno/api/kyverno"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	"github.com/kyverno/kyverno/pkg/background/common"
	"github.com/kyverno/kyverno/pkg/cel/libs"
	"github.com/kyverno/kyverno/pkg/toggle"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// library answers what CEL policies ask through Kyverno's libraries (resource,
// globalContext, http, image data, generator) from the capture, on behalf of the request
// that it is bound to. Kyverno compiles it into the policy, so a policy that looks things
// up has a library of its own, and serves one request at a time; see [instances].
type library struct {
	entries map[string]*kyvernov2beta1.GlobalContextEntry
	req     *request // nil while no request is judged

	trigger   map[string]string // labels of what a GeneratingPolicy makes
	policyNS  string
	generated []*unstructured.Unstructured
}

var _ libs.Context = (*library)(nil)

// compileMu guards the global variable through which Kyverno's compilers take their library.
var compileMu sync.Mutex

// compileWith runs compile with lib as the library of what it compiles.
func compileWith(lib libs.Context, compile func() error) (err error) {
	compileMu.Lock()
	defer compileMu.Unlock()
	noHTTP()
	before := libs.LibraryContext
	libs.LibraryContext = lib
	defer func() { libs.LibraryContext = before }()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the compiler panicked: %v", p)
		}
	}()
	return compile()
}

// noHTTP leaves Kyverno's HTTP library no URL that it may call. Calls are rewritten before
// they are compiled (see rewrite); this is the second lock on the door.
var noHTTP = sync.OnceFunc(func() {
	_ = toggle.HTTPAllowlist.Parse("offline://none") // it has no error to return
})

func (l *library) bind(req *request) {
	l.req, l.generated, l.trigger = req, nil, nil
}

// httpProjection marks a global reference that stands for an HTTP call.
const httpProjection = "seatrial.dev/http"

// GetGlobalReference answers globalContext.Get, and the HTTP calls rewritten to it.
func (l *library) GetGlobalReference(name, projection string) (any, error) {
	if projection == httpProjection {
		return nil, client{l.req}.unknown("the answer of "+name, "HTTP calls are not made offline; rehearse this policy on a fleet")
	}
	entry, ok := globalContext{l.req, l.entries, l.req.env.jp}.Get(name)
	if !ok {
		return nil, nil
	}
	return entry.Get(projection)
}

// GetImageData has no registry to ask.
func (l *library) GetImageData(image string, _ []gcrremote.Option) (map[string]any, error) {
	return nil, offlineRegistry{l.req}.miss(image)
}

// ListResources answers resource.List.
func (l *library) ListResources(apiVersion, resource, namespace string, selector map[string]string) (*unstructured.UnstructuredList, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, err
	}
	gvr := gv.WithResource(resource)
	objects, err := client{l.req}.list(gvr, namespace, labels.SelectorFromSet(selector))
	if err != nil {
		return nil, err
	}
	kind, _ := l.req.look.kindFor(gvr)
	list := &unstructured.UnstructuredList{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind.Kind + "List", "metadata": map[string]any{"resourceVersion": "0"},
	}}
	for _, object := range objects {
		list.Items = append(list.Items, unstructured.Unstructured{Object: object})
	}
	return list, nil
}

// GetResource answers resource.Get.
func (l *library) GetResource(apiVersion, resource, namespace, name string) (*unstructured.Unstructured, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, err
	}
	if strings.Contains(resource, "/") {
		return nil, client{l.req}.unknown(resource+" "+name, "subresources are not captured; rehearse this policy on a fleet")
	}
	object, err := client{l.req}.get(gv.WithResource(resource), namespace, name)
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: object}, nil
}

// PostResource would create something in the cluster, an access review as a rule.
func (l *library) PostResource(_, resource, _ string, _ map[string]any) (*unstructured.Unstructured, error) {
	return nil, client{l.req}.unknown("the answer of POST "+resource, "the answer of an API call other than GET cannot be captured; rehearse this policy on a fleet")
}

// ToGVR answers resource.ToGVR.
func (l *library) ToGVR(apiVersion, kind string) (*schema.GroupVersionResource, error) {
	gvr, err := client{l.req}.resource(apiVersion, kind)
	if err != nil {
		return nil, err
	}
	return &gvr, nil
}

// GetHTTPMocks has none: calls are rewritten.
func (l *library) GetHTTPMocks() map[string]any { return nil }

// SetGenerateContext keeps what Kyverno's background controller would write on what is generated.
func (l *library) SetGenerateContext(policy, policyNamespace, name, namespace, version, group, kind, uid string, _, _ bool) {
	l.policyNS = policyNamespace
	l.trigger = map[string]string{
		kyvernocommon.LabelAppManagedBy:    kyvernocommon.ValueKyvernoApp,
		common.GeneratePolicyLabel:         policy,
		common.GenerateTriggerNameLabel:    name,
		common.GenerateTriggerNSLabel:      namespace,
		common.GenerateTriggerUIDLabel:     uid,
		common.GenerateTriggerKindLabel:    kind,
		common.GenerateTriggerGroupLabel:   group,
		common.GenerateTriggerVersionLabel: version,
	}
}

// GenerateResources keeps what a policy generates, in the form in which Kyverno's
// background controller would create it.
func (l *library) GenerateResources(namespace string, content []map[string]any) error {
	for _, data := range content {
		resource := &unstructured.Unstructured{Object: data}
		items := []*unstructured.Unstructured{resource}
		if resource.IsList() {
			list, err := resource.ToList()
			if err != nil {
				return err
			}
			items = items[:0]
			for i := range list.Items {
				items = append(items, &list.Items[i])
			}
		}
		for _, item := range items {
			if err := l.generate(namespace, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *library) generate(namespace string, item *unstructured.Unstructured) error {
	gvr, namespaced, known := l.req.look.resourceFor(item.GroupVersionKind())
	if known && !namespaced {
		if namespace != "" && l.policyNS != "" {
			return fmt.Errorf("cross-scope generation denied: a policy scoped to namespace %q cannot generate cluster-scoped resource %s/%s", namespace, item.GetAPIVersion(), item.GetKind())
		}
		namespace = ""
	}
	if from := item.GetNamespace(); from != "" && from != namespace {
		item.SetOwnerReferences(nil)
	}
	added := map[string]string{}
	for key, value := range item.GetLabels() {
		added[key] = value
	}
	for key, value := range l.trigger {
		added[key] = value
	}
	if item.GetResourceVersion() != "" {
		added[common.GenerateSourceUIDLabel] = string(item.GetUID())
	}
	item.SetLabels(added)
	for _, field := range []string{"uid", "selfLink", "creationTimestamp", "managedFields", "resourceVersion"} {
		unstructured.RemoveNestedField(item.Object, "metadata", field)
	}
	item.SetNamespace(namespace)
	if known && l.belongsToOthers(gvr, item) {
		return nil
	}
	l.generated = append(l.generated, item)
	return nil
}

// belongsToOthers tells whether the object exists and this policy did not make it: Kyverno
// leaves such an object alone. One that the capture does not know is taken to be absent.
func (l *library) belongsToOthers(gvr schema.GroupVersionResource, item *unstructured.Unstructured) bool {
	existing, err := l.req.look.get(gvr, item.GetNamespace(), item.GetName())
	if err != nil {
		return false
	}
	found := (&unstructured.Unstructured{Object: existing}).GetLabels()
	return found[common.GeneratePolicyLabel] != l.trigger[common.GeneratePolicyLabel]
}

// GetGeneratedResources returns what was generated since ClearGeneratedResources.
func (l *library) GetGeneratedResources() []*unstructured.Unstructured { return l.generated }

// ClearGeneratedResources forgets what was generated.
func (l *library) ClearGeneratedResources() { l.generated = nil }

// Clone is asked for by Kyverno's workers, of which there are none here.
func (l *library) Clone() libs.Context { return l }
