package existing

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Two fleets wrote to one cluster: each removes its own policies and leaves the other's.
func TestDeleteRemovesTheFleetsOwn(t *testing.T) {
	one, two := used(t, "one"), used(t, "two")
	api := &fakeAPI{policies: map[string]labels.Set{
		"a": {managedBy: manager, fleetIs: one.fleet()},
		"b": {managedBy: manager, fleetIs: two.fleet()},
		"c": {managedBy: "Helm"},
	}}
	server := httptest.NewServer(api)
	defer server.Close()
	for _, step := range []struct {
		fleet *Provider
		left  []string
	}{{one, []string{"b", "c"}}, {two, []string{"c"}}} {
		save(t, step.fleet, server.URL)
		if err := step.fleet.Delete(t.Context(), "east"); err != nil {
			t.Fatal(err)
		}
		if left := api.names(); !slices.Equal(left, step.left) {
			t.Errorf("left are %v, want %v", left, step.left)
		}
	}
}

func used(t *testing.T, fleet string) *Provider {
	t.Helper()
	p, err := New(filepath.Join(t.TempDir(), fleet), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// save makes the cluster east, at the address, one that is in use.
func save(t *testing.T, p *Provider, address string) {
	t.Helper()
	err := p.save(&member{spec: cluster.Spec{Name: "east", Context: "admin@east"}, config: &clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"east": {Server: address}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"east": {}},
		Contexts:       map[string]*clientcmdapi.Context{"east": {Cluster: "east", AuthInfo: "east"}},
		CurrentContext: "east",
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// fakeAPI is a cluster that serves ClusterPolicies.
type fakeAPI struct {
	mu       sync.Mutex
	policies map[string]labels.Set
}

func (f *fakeAPI) names() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.policies {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	const list = "/apis/kyverno.io/v1/clusterpolicies"
	dir, name := filepath.Split(r.URL.Path)
	switch {
	case r.URL.Path == "/api":
		io.WriteString(w, `{"kind":"APIVersions","versions":[]}`)
	case r.URL.Path == "/apis":
		io.WriteString(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"kyverno.io",
			"versions":[{"groupVersion":"kyverno.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"kyverno.io/v1","version":"v1"}}]}`)
	case r.URL.Path == "/apis/kyverno.io/v1":
		io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"kyverno.io/v1",
			"resources":[{"name":"clusterpolicies","kind":"ClusterPolicy","verbs":["list","get","delete"]}]}`)
	case r.URL.Path == list:
		want, err := labels.Parse(r.URL.Query().Get("labelSelector"))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		items := []any{}
		for n, has := range f.policies {
			if want.Matches(has) {
				items = append(items, policy(n, has))
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"kind": "ClusterPolicyList", "apiVersion": "kyverno.io/v1", "items": items})
	case dir == list+"/" && f.policies[name] != nil:
		json.NewEncoder(w).Encode(policy(name, f.policies[name]))
		if r.Method == http.MethodDelete {
			delete(f.policies, name)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func policy(name string, has labels.Set) map[string]any {
	return map[string]any{"kind": "ClusterPolicy", "apiVersion": "kyverno.io/v1", "metadata": map[string]any{"name": name, "labels": has}}
}

// A cluster that is gone keeps its fleet until somebody says that it may be forgotten.
func TestForget(t *testing.T) {
	p := used(t, "one")
	server := httptest.NewServer(http.NotFoundHandler())
	save(t, p, server.URL)
	server.Close()
	err := p.Delete(t.Context(), "east")
	if err == nil || !strings.Contains(err.Error(), "fleet down --forget") {
		t.Fatalf("%v names no flag", err)
	}
	left, err := p.Forget("east")
	if err != nil || !strings.Contains(left, selector(p.fleet())+" may be left at "+server.URL+", context admin@east") {
		t.Errorf("%q, %v", left, err)
	}
	if names, err := p.List(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("left are %v, %v", names, err)
	}
	if _, err := p.Forget("east"); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("forgotten twice: %v", err)
	}
}
