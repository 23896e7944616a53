package capture

import (
	_ "embed"
	"encoding/json"
	"maps"
	"strings"
	"sync"
)

// Resources is discovery: which kind a resource has, and the other way round. It knows
// the APIs of Kubernetes and Kyverno, the CRDs of the capture, and guesses the rest.
type Resources struct {
	mu    sync.RWMutex
	kinds map[GVR]GVK
	byGVK map[GVK]resource
}

type resource struct {
	gvr        GVR
	namespaced bool
	known      bool // false: guessed
}

//go:embed resources.txt
var builtinTable string

// builtin parses the table once. Each row: group versions resource Kind scope [subresources].
var builtin = sync.OnceValue(func() map[GVK]resource {
	table := map[GVK]resource{}
	for _, row := range strings.Split(builtinTable, "\n") {
		fields := strings.Fields(row)
		if len(fields) < 5 || strings.HasPrefix(row, "#") {
			continue
		}
		group := strings.TrimPrefix(fields[0], "core")
		for _, version := range strings.Split(fields[1], ",") {
			gvk := GVK{Group: group, Version: version, Kind: fields[3]}
			table[gvk] = resource{GVR{Group: group, Version: version, Resource: fields[2]}, fields[4] == "namespaced", true}
		}
	}
	return table
})

func newResources() *Resources {
	r := &Resources{kinds: map[GVR]GVK{}, byGVK: map[GVK]resource{}}
	for gvk, found := range builtin() {
		r.set(gvk, found)
	}
	return r
}

// clone is a copy that learns on its own.
func (r *Resources) clone() *Resources {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return &Resources{kinds: maps.Clone(r.kinds), byGVK: maps.Clone(r.byGVK)}
}

func (r *Resources) set(gvk GVK, found resource) {
	r.byGVK[gvk] = found
	r.kinds[found.gvr] = gvk
}

// KindFor returns the kind of a resource, false when it is not known.
func (r *Resources) KindFor(gvr GVR) (GVK, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	gvk, ok := r.kinds[gvr]
	return gvk, ok
}

// ResourceFor returns the resource of a kind. known is false when it is a guess: the
// plural by rule, namespaced.
func (r *Resources) ResourceFor(gvk GVK) (gvr GVR, namespaced, known bool) {
	r.mu.RLock()
	found, ok := r.byGVK[gvk]
	r.mu.RUnlock()
	if ok {
		return found.gvr, found.namespaced, found.known
	}
	return GVR{Group: gvk.Group, Version: gvk.Version, Resource: plural(gvk.Kind)}, true, false
}

// Each calls f for every known kind, in no particular order.
func (r *Resources) Each(f func(gvk GVK, gvr GVR, namespaced bool)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for gvk, found := range r.byGVK {
		f(gvk, found.gvr, found.namespaced)
	}
}

// IsView tells of the group of what an API server makes of objects of any kind: their metadata, tables.
func IsView(apiVersion string) bool { return strings.HasPrefix(apiVersion, "meta.k8s.io/") }

// Observe learns from a record that a kind exists.
func (r *Resources) Observe(rec *Record) {
	if rec.SubResource != "" || IsView(rec.Kind.APIVersion()) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.kinds[rec.Resource]; ok && rec.Lacks(MissingKind) {
		return // guessed, and known better
	}
	if _, ok := r.byGVK[rec.Kind]; !ok {
		r.set(rec.Kind, resource{rec.Resource, rec.Namespace != "", true})
	}
}

// AddCRD learns the kinds of a CustomResourceDefinition.
func (r *Resources) addCRD(raw json.RawMessage) {
	var crd struct {
		Spec struct {
			Group string `json:"group"`
			Names struct {
				Kind   string `json:"kind"`
				Plural string `json:"plural"`
			} `json:"names"`
			Scope    string `json:"scope"`
			Version  string `json:"version"` // v1beta1
			Versions []struct {
				Name string `json:"name"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if json.Unmarshal(raw, &crd) != nil || crd.Spec.Names.Kind == "" || crd.Spec.Names.Plural == "" {
		return
	}
	versions := []string{crd.Spec.Version}
	for _, v := range crd.Spec.Versions {
		versions = append(versions, v.Name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range versions {
		if v == "" {
			continue
		}
		gvk := GVK{Group: crd.Spec.Group, Version: v, Kind: crd.Spec.Names.Kind}
		r.set(gvk, resource{GVR{crd.Spec.Group, v, crd.Spec.Names.Plural}, crd.Spec.Scope == "Namespaced", true})
	}
}

// APIResourceList is the kind of the world objects that say which resources a cluster
// serves: the API server's own answer, named after its group and version.
const APIResourceList = "APIResourceList"

// addServed learns what an API server serves.
func (r *Resources) addServed(raw json.RawMessage) {
	var list struct {
		GroupVersion string `json:"groupVersion"`
		Resources    []struct {
			Name       string `json:"name"`
			Kind       string `json:"kind"`
			Namespaced bool   `json:"namespaced"`
		} `json:"resources"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, served := range list.Resources {
		if served.Kind == "" || strings.Contains(served.Name, "/") {
			continue
		}
		gvk := ParseGVK(list.GroupVersion, served.Kind)
		r.set(gvk, resource{GVR{gvk.Group, gvk.Version, served.Name}, served.Namespaced, true})
	}
}

// AddCRD learns the kinds of a CustomResourceDefinition that a source has just read.
func (r *Resources) AddCRD(raw json.RawMessage) { r.addCRD(raw) }

// NewResources returns discovery that knows the built-in kinds.
func NewResources() *Resources { return newResources() }

// plural guesses a resource's name as Kubernetes' tools do.
func plural(kind string) string {
	lower := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(lower, "s"), strings.HasSuffix(lower, "x"), strings.HasSuffix(lower, "ch"), strings.HasSuffix(lower, "sh"):
		return lower + "es"
	case strings.HasSuffix(lower, "y") && !strings.HasSuffix(lower, "ay") && !strings.HasSuffix(lower, "ey") && !strings.HasSuffix(lower, "oy"):
		return strings.TrimSuffix(lower, "y") + "ies"
	}
	return lower + "s"
}

// ParseGVK splits an object's apiVersion.
func ParseGVK(apiVersion, kind string) GVK {
	group, version, ok := strings.Cut(apiVersion, "/")
	if !ok {
		group, version = "", apiVersion
	}
	return GVK{Group: group, Version: version, Kind: kind}
}
