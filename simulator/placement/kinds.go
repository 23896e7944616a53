package placement

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/version"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// served is what a hub serves of a kind.
type served struct {
	groupKind
	plural     string
	namespaced bool
	versions   []string // the preferred one first
	builtin    bool     // Kubernetes' own: the API server converts between versions
}

// kinds are the kinds that a hub serves, as far as can be known: Kubernetes' own,
// Kyverno's, KubeFleet's, and those of the CRDs among the hub's objects.
type kinds map[groupKind]*served

var commonKinds = sync.OnceValue(func() kinds {
	k := kinds{}
	capture.NewResources().Each(func(gvk capture.GVK, gvr capture.GVR, namespaced bool) {
		k.add(groupKind{gvk.Group, gvk.Kind}, gvr.Resource, gvk.Version, namespaced, !strings.HasSuffix(gvk.Group, "kyverno.io"))
	})
	for gk, own := range hubSchema().kinds {
		for _, v := range own.versions {
			k.add(gk, strings.ToLower(gk.kind)+"s", v, own.namespaced, false)
		}
	}
	return k
})

func (k kinds) add(gk groupKind, plural, v string, namespaced, builtin bool) {
	s := k[gk]
	if s == nil {
		s = &served{groupKind: gk, plural: plural, namespaced: namespaced, builtin: builtin}
		k[gk] = s
	}
	if !slices.Contains(s.versions, v) {
		s.versions = append(s.versions, v)
		// Discovery prefers the highest stable version, as kube-apiserver orders them.
		slices.SortFunc(s.versions, func(a, b string) int { return version.CompareKubeAwareVersionStrings(b, a) })
	}
}

// kindsOf are the common kinds with those that the CRDs among objects define.
func kindsOf(objects []policy.Object) kinds {
	k := kinds{}
	for gk, s := range commonKinds() {
		k[gk] = s
	}
	defined := kinds{}
	for _, o := range objects {
		if o.Kind == "CustomResourceDefinition" {
			defined.define(o.JSON)
		}
	}
	for gk, s := range defined {
		k[gk] = s
	}
	return k
}

// define adds the kind of a CustomResourceDefinition.
func (k kinds) define(raw json.RawMessage) {
	var crd struct {
		Spec struct {
			Group string `json:"group"`
			Scope string `json:"scope"`
			Names struct {
				Kind   string `json:"kind"`
				Plural string `json:"plural"`
			} `json:"names"`
			Versions []struct {
				Name   string `json:"name"`
				Served bool   `json:"served"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if json.Unmarshal(raw, &crd) != nil || crd.Spec.Names.Kind == "" {
		return
	}
	for _, v := range crd.Spec.Versions {
		if v.Served {
			k.add(groupKind{crd.Spec.Group, crd.Spec.Names.Kind}, crd.Spec.Names.Plural, v.Name, crd.Spec.Scope == "Namespaced", false)
		}
	}
}

// groupVersion takes an apiVersion apart.
func groupVersion(apiVersion string) (group, version string) {
	gvk := capture.ParseGVK(apiVersion, "")
	return gvk.Group, gvk.Version
}

func groupKindOf(o *policy.Object) groupKind {
	group, _ := groupVersion(o.APIVersion)
	return groupKind{group, o.Kind}
}

// apiVersion joins a group and a version as manifests write them.
func apiVersion(group, version string) string {
	return strings.TrimPrefix(group+"/"+version, "/")
}
