package kyverno

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"github.com/kyverno/kyverno/ext/wildcard"
	"github.com/kyverno/kyverno/pkg/clients/dclient"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientdiscovery "k8s.io/client-go/discovery"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// discovery answers Kyverno's validation of policies from the known kinds. Where it is not
// known what the cluster serves, a kind that is not known is taken to exist under the name
// that the rules of English give it, and told of. It does not serve schemas.
type discovery struct {
	resources *capture.Resources
	lists     clientdiscovery.CachedDiscoveryInterface
	complete  bool                    // all that the cluster serves is known
	misses    func(kind string)       // told of a kind that is not known; nil: nobody is
	nowhere   func(group string) bool // whether all is known that a group has, or all groups ("*"); nil: it is not
}

var _ dclient.IDiscovery = discovery{}

func (d discovery) FindResources(group, version, kind, subresource string) (map[dclient.TopLevelApiDescription]metav1.APIResource, error) {
	found := map[dclient.TopLevelApiDescription]metav1.APIResource{}
	add := func(gvk capture.GVK, gvr capture.GVR, namespaced bool) {
		top := dclient.TopLevelApiDescription{
			GroupVersion: schema.GroupVersion{Group: gvr.Group, Version: gvr.Version}, Kind: gvk.Kind, Resource: gvr.Resource, SubResource: subresource,
		}
		found[top] = metav1.APIResource{Name: top.ResourceSubresource(), Kind: gvk.Kind, Group: gvr.Group, Version: gvr.Version, Namespaced: namespaced}
	}
	d.resources.Each(func(gvk capture.GVK, gvr capture.GVR, namespaced bool) {
		if wildcard.Match(group, gvk.Group) && wildcard.Match(version, gvk.Version) && wildcard.Match(kind, gvk.Kind) && (version == gvk.Version || d.served(gvk)) {
			add(gvk, gvr, namespaced)
		}
	})
	if len(found) > 0 {
		return found, nil
	}
	d.miss(group, version, kind, subresource)
	if d.knowsAllOf(group) || never(group, version, kind) {
		return nil, dclient.ErrResourceNotFound
	}
	if !wildcard.ContainsWildcard(kind) {
		subresource = "" // of a misspelt kind, such as apps/Deployment, it is none
		gvk := capture.GVK{Group: group, Version: version, Kind: kind}
		gvr, namespaced, _ := d.resources.ResourceFor(gvk)
		add(gvk, gvr, namespaced)
	}
	return found, nil
}

// served tells whether a cluster of today serves the version: the stable one where there
// is one. The table also knows versions that old manifests use.
func (d discovery) served(gvk capture.GVK) bool {
	if gvk.Group == "extensions" {
		return false
	}
	stable := capture.GVK{Group: gvk.Group, Version: "v1", Kind: gvk.Kind}
	if gvk.Kind == "HorizontalPodAutoscaler" {
		stable.Version = "v2"
	}
	if gvk.Group == "kyverno.io" && gvk.Kind != "ClusterPolicy" && gvk.Kind != "Policy" {
		stable.Version = "v2"
	}
	_, _, hasStable := d.resources.ResourceFor(stable)
	return gvk == stable || !hasStable
}

// GetGVRFromGVK returns the resource of a kind, which may be written without its version and
// with a subresource.
func (d discovery) GetGVRFromGVK(gvk schema.GroupVersionKind) (schema.GroupVersionResource, error) {
	asked := gvk.Kind
	if wildcard.ContainsWildcard(gvk.Kind) || d.dotted(gvk.Kind) { // no kind has such a name
		return schema.GroupVersionResource{}, dclient.ErrResourceNotFound
	}
	gvk.Kind, _, _ = strings.Cut(asked, "/")
	gvr, _, known := d.resources.ResourceFor(capture.GVK(gvk))
	if known {
		return schema.GroupVersionResource(gvr), nil
	}
	group, version := gvk.Group, gvk.Version
	if version == "" || group == "" && version == "*" {
		group, version = "*", "*" // it is looked for in all groups
	}
	if wildcard.ContainsWildcard(group + version) {
		if first, ok := d.firstOf(group, version, gvk.Kind); ok {
			return first, nil
		}
	}
	d.miss(gvk.Group, gvk.Version, asked, "")
	// v1/Build is looked for in every group first: where none has it, the policy is taken with a warning.
	if _, elsewhere := d.first(gvk.Kind); d.knowsAllOf(group) || elsewhere && never(gvk.Group, gvk.Version, gvk.Kind) {
		return schema.GroupVersionResource{}, dclient.ErrResourceNotFound
	}
	return schema.GroupVersionResource(gvr), nil
}

// knowsAllOf tells whether what a group serves is known.
func (d discovery) knowsAllOf(group string) bool {
	return d.complete || d.nowhere != nil && d.nowhere(group)
}

// dotted tells of a known kind after a version and a dot, as matching takes it and nothing else.
func (d discovery) dotted(kind string) bool {
	at := strings.LastIndex(kind, ".")
	if at < 0 {
		return false
	}
	_, ok := d.first(kind[at+1:])
	return ok
}

// never tells of a kind that no cluster serves: groups without a dot are Kubernetes' own.
func never(group, version, kind string) bool {
	return !strings.Contains(group, ".") && version != "" && !wildcard.ContainsWildcard(group+version+kind) &&
		!admission.Known(capture.GVK{Group: group, Version: version, Kind: kind})
}

// miss tells of a kind that is not known, as policies write it.
func (d discovery) miss(group, version, kind, subresource string) {
	if d.misses == nil {
		return
	}
	parts := slices.DeleteFunc([]string{group, version, kind, subresource}, func(s string) bool { return s == "" || s == "*" })
	d.misses(strings.Join(parts, "/"))
}

// first is the resource of a kind that is written without group and version: that of the core
// where there is one.
func (d discovery) first(kind string) (schema.GroupVersionResource, bool) {
	return d.firstOf("*", "*", kind)
}

// firstOf is that of a group and a version, which may have wildcards.
func (d discovery) firstOf(group, version, kind string) (schema.GroupVersionResource, bool) {
	var found []schema.GroupVersionResource
	d.resources.Each(func(gvk capture.GVK, gvr capture.GVR, _ bool) {
		if gvk.Kind == kind && wildcard.Match(group, gvk.Group) && wildcard.Match(version, gvk.Version) && d.served(gvk) {
			found = append(found, schema.GroupVersionResource(gvr))
		}
	})
	if len(found) == 0 {
		return schema.GroupVersionResource{}, false
	}
	return slices.MinFunc(found, func(a, b schema.GroupVersionResource) int { return strings.Compare(a.String(), b.String()) }), true
}

func (d discovery) GetGVKFromGVR(gvr schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	gvk, ok := d.resources.KindFor(capture.GVR(gvr))
	if !ok {
		return schema.GroupVersionKind{}, fmt.Errorf("resource %s is not known", gvr)
	}
	return schema.GroupVersionKind(gvk), nil
}

func (discovery) OpenAPISchema() (*openapiv2.Document, error) {
	return nil, errors.New("schemas are not served offline")
}

func (d discovery) CachedDiscoveryInterface() clientdiscovery.CachedDiscoveryInterface {
	return d.lists
}

func (discovery) OnChanged(func()) {}
