package kyverno

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	celautogen "github.com/kyverno/kyverno/pkg/cel/autogen"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/version"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// A policy written in CEL may name what runs pods, in autogen.podControllers.controllers, by the
// resource alone: "jobsets". Kyverno asks the cluster for its group and version. It need not be
// asked about "jobsets.v1alpha2.jobset.x-k8s.io": so bare names are written out before a policy
// is compiled, and what is made of it can be kept by its content.

var controllersField = []string{"spec", "autogen", "podControllers", "controllers"}

// writtenOut returns object with its bare names written out, as a cluster with these resources
// takes them.
func writtenOut(object policy.Object, known *capture.Resources) policy.Object {
	names := controllersOf(object)
	full := slices.Clone(names)
	for i, name := range names {
		if !isBare(name) {
			continue
		}
		if gvr, ok := resourceNamed(known, name); ok {
			full[i] = gvr.Resource + "." + gvr.Version + "." + gvr.Group
		}
	}
	if slices.Equal(full, names) {
		return object
	}
	content := map[string]any{}
	if utiljson.Unmarshal(object.JSON, &content) != nil || unstructured.SetNestedStringSlice(content, full, controllersField...) != nil {
		return object // the compiler says what is wrong with it
	}
	out, err := json.Marshal(content)
	if err != nil {
		return object
	}
	resolveCore()
	return object.With(out)
}

// controllersOf are the names of what runs pods that a policy is for.
func controllersOf(object policy.Object) []string {
	var p struct {
		Spec struct {
			Autogen struct {
				PodControllers struct{ Controllers []string }
			}
		}
	}
	_ = json.Unmarshal(object.JSON, &p) // it is decoded in full elsewhere
	return p.Spec.Autogen.PodControllers.Controllers
}

// isBare tells of a name that Kyverno asks a cluster about.
func isBare(name string) bool {
	parts := strings.SplitN(name, ".", 3)
	return celautogen.ConfigsMap[name] == nil && (len(parts) < 3 || slices.Contains(parts, ""))
}

// resourceNamed finds a resource by its name alone, in the version that a cluster prefers. The core
// group comes first; of other groups that have the name a cluster takes any, so that it is not known.
func resourceNamed(known *capture.Resources, name string) (found capture.GVR, ok bool) {
	asked := discovery{resources: known}
	byGroup := map[string]capture.GVR{}
	known.Each(func(gvk capture.GVK, gvr capture.GVR, _ bool) {
		if gvr.Resource != name || !asked.served(gvk) {
			return
		}
		if have, ok := byGroup[gvr.Group]; !ok || version.CompareKubeAwareVersionStrings(gvr.Version, have.Version) > 0 {
			byGroup[gvr.Group] = gvr
		}
	})
	if core, ok := byGroup[""]; ok {
		return core, true
	}
	for _, found = range byGroup {
	}
	return found, len(byGroup) == 1
}

// resolveCore has Kyverno take the names of the core group as they are written out, "podtemplates.v1.".
var resolveCore = sync.OnceFunc(func() {
	celautogen.BareNameResolver = func(name string) *celautogen.Config {
		resource, of, ok := strings.Cut(name, ".")
		release, isCore := strings.CutSuffix(of, ".")
		if !ok || !isCore {
			return nil
		}
		return &celautogen.Config{
			Target:          policiesv1beta1.Target{Version: release, Resource: resource},
			ReplacementsRef: celautogen.ExtractionReplacementsRef,
		}
	}
})
