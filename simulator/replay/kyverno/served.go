package kyverno

import (
	"cmp"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	clientdiscovery "k8s.io/client-go/discovery"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/openapi"

	"github.com/seatrial/seatrial/simulator/capture"
)

// served is a client of an API server that serves the kinds of a world. It does not serve
// their schemas: what Kyverno makes of those is warnings.
type served struct {
	*kubefake.Clientset
	discovery clientdiscovery.CachedDiscoveryInterface
}

var _ kubernetes.Interface = served{}

// assumedVersion is that of a cluster which does not tell its own.
const assumedVersion = "v1.36.0"

func newServed(kube *kubefake.Clientset, w *capture.World) served {
	lists := map[string]*metav1.APIResourceList{}
	w.Resources.Each(func(gvk capture.GVK, gvr capture.GVR, namespaced bool) {
		gv := metav1.GroupVersion{Group: gvk.Group, Version: gvk.Version}.String()
		if lists[gv] == nil {
			lists[gv] = &metav1.APIResourceList{GroupVersion: gv}
		}
		lists[gv].APIResources = append(lists[gv].APIResources, metav1.APIResource{
			Name: gvr.Resource, Kind: gvk.Kind, Group: gvk.Group, Version: gvk.Version, Namespaced: namespaced, Verbs: metav1.Verbs{"list"},
		})
	})
	fake := kube.Discovery().(*fakediscovery.FakeDiscovery)
	fake.FakedServerVersion = &version.Info{GitVersion: cmp.Or(w.Cluster.ServerVersion, assumedVersion)}
	for _, gv := range slices.Sorted(maps.Keys(lists)) {
		slices.SortFunc(lists[gv].APIResources, func(a, b metav1.APIResource) int { return cmp.Compare(a.Name, b.Name) })
		fake.Resources = append(fake.Resources, lists[gv])
	}
	return served{kube, kindDiscovery{fake}}
}

// Discovery lists the kinds.
func (s served) Discovery() clientdiscovery.DiscoveryInterface { return s.discovery }

type kindDiscovery struct{ *fakediscovery.FakeDiscovery }

func (kindDiscovery) Fresh() bool               { return true }
func (kindDiscovery) Invalidate()               {}
func (kindDiscovery) OpenAPIV3() openapi.Client { return noSchemas{} }

type noSchemas struct{}

// Paths lists no schema.
func (noSchemas) Paths() (map[string]openapi.GroupVersion, error) { return nil, nil }
