package policy

import (
	"encoding/json"
	"path"
	"strings"
)

// Object is one manifest of a policy set, as written.
type Object struct {
	File       string          `json:"file"`       // relative to the set's root, slashes
	Line       int             `json:"line"`       // of the document's first line, from 1
	APIVersion string          `json:"apiVersion"` // "kyverno.io/v1"
	Kind       string          `json:"kind"`       // "ClusterPolicy"
	Namespace  string          `json:"namespace,omitempty"`
	Name       string          `json:"name"`
	JSON       json.RawMessage `json:"object"` // the manifest as JSON, keys sorted
	YAML       string          `json:"-"`      // the manifest as written, comments included
	Digest     string          `json:"digest"` // "sha256:…" of JSON
}

// Title is an object as messages name it: "ClusterPolicy/require-labels", "PolicyException/shop/legacy".
func (o Object) Title() string {
	return o.Kind + "/" + strings.TrimPrefix(o.Namespace+"/"+o.Name, "/")
}

// Problem is a document of a set that could not be read, or that Kyverno would reject.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Policy string `json:"policy,omitempty"` // "ClusterPolicy/require-labels", when that much is known
	Reason string `json:"reason"`
}

// IsKustomization tells of a document that Kustomize reads, which needs no apiVersion and kind.
func (p Problem) IsKustomization() bool {
	file := path.Base(p.File)
	return strings.HasPrefix(p.Reason, "Kustomization is ") || file == "Kustomization" || strings.HasPrefix(strings.ToLower(file), "kustomization.")
}

// Set is one side of a comparison: everything that decides, as written.
type Set struct {
	Source        string    `json:"source"`             // as asked: "policies/", "git:main:policies", "captured", "none"
	Revision      string    `json:"revision,omitempty"` // full commit hash of a git source
	Objects       []Object  `json:"objects"`            // policies, exceptions, bindings, global context entries; in file order
	Others        []Object  `json:"others,omitempty"`   // any other Kubernetes object: parameters, ConfigMaps, Namespaces
	Ignored       []Problem `json:"ignored,omitempty"`  // documents that are no Kubernetes objects (values, test suites, kustomizations), or that a kustomization does not take
	Problems      []Problem `json:"problems,omitempty"`
	Kustomization string    `json:"-"`      // the file that kustomize rendered the set by; empty: it is as written
	Repeats       []Problem `json:"-"`      // keys that are written twice in a mapping: the last one counts
	Digest        string    `json:"digest"` // "sha256:…" over Objects and Others
}
