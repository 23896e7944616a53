package kyverno

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kyverno/kyverno/pkg/config"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// memory is a lookup over a handful of objects. It guesses resources from kinds (lower
// case and an s), knows nothing of scopes beyond a few kinds, and takes what it does not
// hold to be unknown unless complete says otherwise.
type memory struct {
	objects  []map[string]any
	complete bool
}

func (m *memory) add(t testing.TB, data []byte) {
	t.Helper()
	for _, doc := range strings.Split(string(data), "\n---\n") {
		var object map[string]any
		mustYAML(t, []byte(doc), &object)
		m.objects = append(m.objects, object)
	}
}

func (m *memory) all(gvr schema.GroupVersionResource, namespace string) []map[string]any {
	var found []map[string]any
	for _, object := range m.objects {
		gv, _ := schema.ParseGroupVersion(object["apiVersion"].(string))
		meta := object["metadata"].(map[string]any)
		ns, _ := meta["namespace"].(string)
		if gv.WithResource(resourceOf(object["kind"].(string))) == gvr && (namespace == "" || namespace == ns) {
			found = append(found, runtime.DeepCopyJSON(object))
		}
	}
	slices.SortFunc(found, func(a, b map[string]any) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return found
}

func (m *memory) each(func(schema.GroupVersionKind, schema.GroupVersionResource)) {}

func nameOf(object map[string]any) string {
	meta := object["metadata"].(map[string]any)
	ns, _ := meta["namespace"].(string)
	return ns + "/" + meta["name"].(string)
}

func (m *memory) get(gvr schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	for _, object := range m.all(gvr, namespace) {
		if nameOf(object) == namespace+"/"+name {
			return object, nil
		}
	}
	if m.complete {
		return nil, apierrors.NewNotFound(gvr.GroupResource(), name)
	}
	return nil, errUnknown
}

func (m *memory) list(gvr schema.GroupVersionResource, namespace string) ([]map[string]any, error) {
	found := m.all(gvr, namespace)
	if len(found) == 0 && !m.complete {
		return nil, errUnknown
	}
	return found, nil
}

var testKinds = []string{"Pod", "Service", "ConfigMap", "Secret", "Namespace", "Deployment", "ReplicaSet", "CronJob", "Job", "NetworkPolicy", "JobSet", "Limit", "ClusterLimit", "HorizontalPodAutoscaler", "DaemonSet", "StatefulSet", "PersistentVolumeClaim"}

func resourceOf(kind string) string {
	if strings.HasSuffix(kind, "y") {
		return strings.ToLower(strings.TrimSuffix(kind, "y")) + "ies"
	}
	if strings.HasSuffix(kind, "s") {
		return strings.ToLower(kind) + "es"
	}
	return strings.ToLower(kind) + "s"
}

func (m *memory) kindFor(gvr schema.GroupVersionResource) (schema.GroupVersionKind, bool) {
	for _, kind := range testKinds {
		if resourceOf(kind) == gvr.Resource {
			return gvr.GroupVersion().WithKind(kind), true
		}
	}
	return schema.GroupVersionKind{}, false
}

func (m *memory) resourceFor(gvk schema.GroupVersionKind) (schema.GroupVersionResource, bool, bool) {
	namespaced := gvk.Kind != "Namespace" && !strings.HasPrefix(gvk.Kind, "Cluster")
	return gvk.GroupVersion().WithResource(resourceOf(gvk.Kind)), namespaced, true
}

// request makes the admission request of a case, by the same code as the engine.
func (c *celCase) request(t testing.TB, world lookup) *request {
	t.Helper()
	record := &capture.Record{
		Cluster: "test", Operation: c.Operation, Object: c.Object, OldObject: c.OldObject, SubResource: c.SubResource,
		Live: c.Live, Redacted: c.Redacted, DryRun: c.DryRun, Missing: c.Missing, Namespace: c.Namespace,
		User: capture.User{Username: c.User},
	}
	if record.Operation == "" {
		record.Operation = capture.Create
	}
	var head struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
	}
	raw := c.Object
	if len(raw) == 0 {
		raw = c.OldObject
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		t.Fatal(err)
	}
	gvk := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	gvr := gvk.GroupVersion().WithResource(resourceOf(gvk.Kind))
	record.Kind, record.Resource, record.Name = capture.GVK(gvk), capture.GVR(gvr), head.Metadata.Name
	if record.Namespace == "" {
		record.Namespace = head.Metadata.Namespace
	}
	env := &environment{cfg: config.NewDefaultConfiguration(true), rolesKnown: true}
	env.jp = newJMESPath(env.cfg, testClock)
	e := &Engine{env: env, look: world}
	req, err := e.newRequest(record)
	if err != nil && !errors.Is(err, errUnknown) {
		t.Fatal(err)
	}
	if req.namespace != nil && !c.NoNamespace {
		req.namespaceKnown = true
	}
	return req
}
