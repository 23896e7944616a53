package record

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/simulator/capture"
)

const roleFile = "../../docs/capture-cluster-role.yaml"

// harbours starts real clusters, and deletes them at the end of the test.
func harbours(t *testing.T, names ...string) []*rest.Config {
	t.Helper()
	if testing.Short() {
		t.Skip("starts clusters")
	}
	dir, err := os.MkdirTemp("", "record-*")
	if err != nil {
		t.Fatal(err)
	}
	p, err := embedded.New(filepath.Join(dir, "fleet"), binaries.Default(nil), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, name := range names {
			if err := p.Delete(ctx, name); err != nil {
				t.Error(err)
			}
		}
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	var configs []*rest.Config
	for _, name := range names {
		c, err := p.Create(t.Context(), cluster.Spec{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, c.REST())
	}
	return configs
}

// apply creates the objects of a file; each pair of replace is text to put for other text.
func apply(t *testing.T, config *rest.Config, file string, replace ...string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	resources := capture.NewResources()
	client := dynamic.NewForConfigOrDie(config)
	for _, doc := range bytes.Split(content, []byte("\n---\n")) {
		raw, err := yaml.YAMLToJSON([]byte(strings.NewReplacer(replace...).Replace(string(doc))))
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			t.Fatal(err)
		}
		gvr, _, _ := resources.ResourceFor(capture.GVK(object.GroupVersionKind()))
		if object.GetKind() == "Boat" {
			gvr.Resource = "boatyards"
		}
		create(t, client.Resource(schema.GroupVersionResource(gvr)), object)
	}
}

// create waits out what is not served yet.
func create(t *testing.T, client dynamic.NamespaceableResourceInterface, object *unstructured.Unstructured) {
	t.Helper()
	var err error
	for range 100 {
		if _, err = client.Namespace(object.GetNamespace()).Create(t.Context(), object, metav1.CreateOptions{}); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("create %s %s: %v", object.GetKind(), object.GetName(), err)
}

// as is a user who is bound to cluster roles and to nothing else.
func as(t *testing.T, config *rest.Config, user string, roles ...string) *rest.Config {
	t.Helper()
	admin := kubernetes.NewForConfigOrDie(config)
	for _, role := range roles {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user + "-" + role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		}
		if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return impersonate(config, user)
}

// within is a user who is bound to a cluster role in one namespace.
func within(t *testing.T, config *rest.Config, user, namespace, role string) *rest.Config {
	t.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	}
	if _, err := kubernetes.NewForConfigOrDie(config).RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return impersonate(config, user)
}

func impersonate(config *rest.Config, user string) *rest.Config {
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	return config
}

// take captures targets into a file and opens it.
func take(t *testing.T, opt Options, targets ...Target) (*capture.Capture, []Summary) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.capture")
	w, err := capture.NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := Fleet(t.Context(), w, targets, opt)
	if err != nil {
		w.Abort()
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c, sums
}
