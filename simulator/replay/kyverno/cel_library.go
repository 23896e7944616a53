package kyverno

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	gcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	"github.com/kyverno/kyverno/pkg/cel/libs"
	"github.com/kyverno/kyverno/pkg/toggle"
	"github.com/kyverno/sdk/extensions/cel/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
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
	apply     bool  // it is applied, not created
	trust     trust // in what the policy's signatures are to be verified by
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

// httpProjection begins the projection of a global reference that stands for an HTTP call.
// The JSON that is sent follows it.
const httpProjection = "seatrial.dev/http "

// GetGlobalReference answers globalContext.Get, and the HTTP calls rewritten to it.
func (l *library) GetGlobalReference(name, projection string) (any, error) {
	if mocks := l.req.env.mocks; mocks != nil {
		return l.mocked(mocks, name, projection)
	}
	if sent, is := strings.CutPrefix(projection, httpProjection); is {
		method, url, _ := strings.Cut(strings.TrimPrefix(name, "HTTP "), " ")
		answer, ok := l.req.env.answers.Find(method, url, []byte(sent))
		if !ok {
			return nil, client{req: l.req}.unknown("the answer of "+name, answersResolve)
		}
		return calledByCEL(answer), nil
	}
	entry, ok := globalContext{l.req, l.entries, l.req.env.jp}.Get(name)
	if !ok {
		return nil, nil
	}
	return entry.Get(projection)
}

// mocked answers from the mocks: HTTP calls, and global references.
func (l *library) mocked(mocks *Mocks, name, projection string) (any, error) {
	if !strings.HasPrefix(projection, httpProjection) {
		value, _, err := mocks.global(name, projection, l.req)
		return value, err
	}
	method, url, _ := strings.Cut(strings.TrimPrefix(name, "HTTP "), " ")
	answer, ok := mocks.call(method, url)
	if !ok {
		return nil, fmt.Errorf("%s %s is not mocked", method, url)
	}
	return map[string]any{"body": answer.Body, "statusCode": answer.Status}, nil
}

// GetImageData answers image.GetMetadata and its like.
func (l *library) GetImageData(image string, _ []gcrremote.Option) (map[string]any, error) {
	if mocks := l.req.env.mocks; mocks != nil && mocks.Images[image] != nil {
		return mocks.Images[image], nil
	}
	data, err := registryImages{l}.Get(context.Background(), image, nil, nil)
	if err != nil {
		return nil, err
	}
	return utils.GetValue(data.Data())
}

// ListResources answers resource.List.
func (l *library) ListResources(apiVersion, resource, namespace string, selector map[string]string) (*unstructured.UnstructuredList, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, err
	}
	if err := l.namesPath(namespace); err != nil {
		return nil, err
	}
	gvr := gv.WithResource(resource)
	if err := (client{req: l.req}).brings(gvr); err != nil {
		return nil, err
	}
	objects, err := client{req: l.req}.readAll(gvr, namespace, labels.SelectorFromSet(selector))
	if err != nil {
		return nil, err
	}
	if (client{req: l.req}).readsOfLists().version {
		l.req.misses.add(listVersionMiss.reason, listVersionMiss.resolve)
	}
	kind, _ := l.req.look.kindFor(gvr)
	list := &unstructured.UnstructuredList{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind.Kind + "List", "metadata": map[string]any{"resourceVersion": drawnVersion},
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
	if err := l.namesPath(namespace, name); err != nil {
		return nil, err
	}
	if strings.Contains(resource, "/") {
		return nil, client{req: l.req}.unknown(resource+" "+name, "subresources are not captured; rehearse this policy on a fleet")
	}
	object, err := client{req: l.req}.read(gv.WithResource(resource), namespace, name)
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: object}, nil
}

// PostResource would create something in the cluster, an access review as a rule.
func (l *library) PostResource(apiVersion, resource, namespace string, data map[string]any) (*unstructured.Unstructured, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, err
	}
	if err := l.namesPath(namespace); err != nil {
		return nil, err
	}
	if err := (client{req: l.req}).may("create", gv.WithResource(resource), namespace, ""); err != nil {
		return nil, err
	}
	path := "/apis/" + apiVersion
	if !strings.Contains(apiVersion, "/") {
		path = "/api/" + apiVersion
	}
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	body, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	answer, err := client{req: l.req, reads: true}.post(path+"/"+resource, http.MethodPost, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	return object, utiljson.Unmarshal(answer, &object.Object)
}

// ToGVR answers resource.ToGVR.
func (l *library) ToGVR(apiVersion, kind string) (*schema.GroupVersionResource, error) {
	gvr, err := client{req: l.req}.resource(apiVersion, kind)
	if err != nil {
		return nil, err
	}
	return &gvr, nil
}

// GetHTTPMocks has none: calls are rewritten.
func (l *library) GetHTTPMocks() map[string]any { return nil }

// GetGeneratedResources returns what was generated since ClearGeneratedResources.
func (l *library) GetGeneratedResources() []*unstructured.Unstructured { return l.generated }

// ClearGeneratedResources forgets what was generated.
func (l *library) ClearGeneratedResources() { l.generated = nil }

// Clone is asked for by Kyverno's workers, of which there are none here.
func (l *library) Clone() libs.Context { return l }
