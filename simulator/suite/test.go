package suite

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// APIVersion and Kind of the files.
const (
	APIVersion = "cli.kyverno.io/v1alpha1"
	Kind       = "Test"
)

// Suite is one document of a kyverno-test.yaml.
type Suite struct {
	Path string // as given, slashes
	Line int    // of the document, from 1
	Test Test
	dir  string
}

// Test is what a document says. Paths are relative to its folder.
type Test struct {
	APIVersion string          `json:"apiVersion,omitempty"`
	Kind       string          `json:"kind,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Name       string          `json:"name,omitempty"` // deprecated: metadata.name

	Policies         []string `json:"policies,omitempty"`
	Resources        []string `json:"resources,omitempty"`
	TargetResources  []string `json:"targetResources,omitempty"`
	ParamResources   []string `json:"paramResources,omitempty"`
	ClusterResources []string `json:"clusterResources,omitempty"`
	PolicyExceptions []string `json:"exceptions,omitempty"`
	JSONPayload      string   `json:"jsonPayload,omitempty"` // deprecated: jsonPayloads
	JSONPayloads     []string `json:"jsonPayloads,omitempty"`
	HTTPPayloads     []string `json:"httpPayloads,omitempty"`
	EnvoyPayloads    []string `json:"envoyPayloads,omitempty"`

	Variables string  `json:"variables,omitempty"` // file of Values
	Values    *Values `json:"values,omitempty"`    // instead of that file
	UserInfo  string  `json:"userinfo,omitempty"`
	Context   string  `json:"context,omitempty"`

	APICallResponses     []apiCallResponse    `json:"apiCallResponses,omitempty"`
	GlobalContextEntries []globalContextEntry `json:"globalContextEntries,omitempty"`

	Results []Expected `json:"results,omitempty"`
}

// Expected is one entry of results: what a rule should say of some resources.
type Expected struct {
	Policy string `json:"policy"` // "name" or "namespace/name"
	Rule   string `json:"rule,omitempty"`
	Kind   string `json:"kind"`
	Result string `json:"result"` // pass, fail, skip, warn, error

	Resources     []string       `json:"resources,omitempty"` // "name" or "namespace/name"
	ResourceSpecs []resourceSpec `json:"resourceSpecs,omitempty"`
	Operation     string         `json:"operation,omitempty"` // CREATE, UPDATE, DELETE

	PatchedResources       string   `json:"patchedResources,omitempty"`
	GeneratedResource      string   `json:"generatedResource,omitempty"`
	GeneratedResources     []string `json:"generatedResources,omitempty"`
	CloneSourceResource    string   `json:"cloneSourceResource,omitempty"`
	FailOnMissingResources bool     `json:"failOnMissingResources,omitempty"`

	IsValidatingAdmissionPolicy bool `json:"isValidatingAdmissionPolicy,omitempty"`
	IsMutatingAdmissionPolicy   bool `json:"isMutatingAdmissionPolicy,omitempty"`
	IsValidatingPolicy          bool `json:"isValidatingPolicy,omitempty"`
	IsDeletingPolicy            bool `json:"isDeletingPolicy,omitempty"`
	IsImageValidatingPolicy     bool `json:"isImageValidatingPolicy,omitempty"`
	IsGeneratingPolicy          bool `json:"isGeneratingPolicy,omitempty"`
	IsMutatingPolicy            bool `json:"isMutatingPolicy,omitempty"`
}

type resourceSpec struct {
	Group       string `json:"group,omitempty"`
	Version     string `json:"version,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Subresource string `json:"subresource,omitempty"`
	Name        string `json:"name,omitempty"`
}

// Values are the variables that policies find in their context, and Namespaces.
type Values struct {
	APIVersion         string              `json:"apiVersion,omitempty"`
	Kind               string              `json:"kind,omitempty"`
	Metadata           json.RawMessage     `json:"metadata,omitempty"`
	GlobalValues       map[string]any      `json:"globalValues,omitempty"`
	Policies           []policyValues      `json:"policies,omitempty"`
	NamespaceSelectors []namespaceSelector `json:"namespaceSelector,omitempty"`
	Namespaces         []map[string]any    `json:"namespaces,omitempty"`
	Subresources       []subresource       `json:"subresources,omitempty"`
}

type policyValues struct {
	Name      string           `json:"name"`
	Resources []resourceValues `json:"resources,omitempty"`
	Rules     []ruleValues     `json:"rules,omitempty"`
}

type resourceValues struct {
	Name   string         `json:"name"`
	Values map[string]any `json:"values,omitempty"`
}

type ruleValues struct {
	Name          string           `json:"name"`
	Values        map[string]any   `json:"values,omitempty"`
	ForeachValues map[string][]any `json:"foreachValues,omitempty"`
}

type namespaceSelector struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// subresource says that objects of a kind are sent to a subresource.
type subresource struct {
	Subresource    metav1.APIResource `json:"subresource"` // its name is "deployments/scale"
	ParentResource metav1.APIResource `json:"parentResource"`
}

type apiCallResponse struct {
	URL      string `json:"url,omitempty"`
	URLPath  string `json:"urlPath,omitempty"`
	Method   string `json:"method,omitempty"`
	Response struct {
		StatusCode int `json:"statusCode,omitempty"`
		Body       any `json:"body"`
	} `json:"response"`
}

type globalContextEntry struct {
	Name          string   `json:"name"`
	Data          any      `json:"data,omitempty"`
	Resources     []any    `json:"resources,omitempty"`
	ResourceFiles []string `json:"resourceFiles,omitempty"`
	FieldPath     string   `json:"fieldPath,omitempty"`
	Projections   []struct {
		Name string `json:"name"`
		Path string `json:"path"`
	} `json:"projections,omitempty"`
}

// userInfo is the file that userinfo names.
type userInfo struct {
	APIVersion   string          `json:"apiVersion,omitempty"`
	Kind         string          `json:"kind,omitempty"`
	Metadata     json.RawMessage `json:"metadata,omitempty"`
	Roles        []string        `json:"roles,omitempty"`
	ClusterRoles []string        `json:"clusterRoles,omitempty"`
	DryRun       bool            `json:"dryRun,omitempty"`
	UserInfo     struct {
		Username string              `json:"username,omitempty"`
		UID      string              `json:"uid,omitempty"`
		Groups   []string            `json:"groups,omitempty"`
		Extra    map[string][]string `json:"extra,omitempty"`
	} `json:"userInfo"`
}

// contextFile is the file that context names.
type contextFile struct {
	APIVersion string          `json:"apiVersion,omitempty"`
	Kind       string          `json:"kind,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Spec       struct {
		Resources []map[string]any `json:"resources,omitempty"`
		Images    []map[string]any `json:"images,omitempty"`
	} `json:"spec"`
}

// clusterResource is a file of clusterResources.
type clusterResource struct {
	APIVersion string          `json:"apiVersion,omitempty"`
	Kind       string          `json:"kind,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Spec       struct {
		CRDs      []string         `json:"crds,omitempty"`
		Resources []map[string]any `json:"resources,omitempty"`
	} `json:"spec"`
}

// Title is what people call the suite.
func (s *Suite) Title() string {
	var meta struct{ Name string }
	if json.Unmarshal(s.Test.Metadata, &meta) == nil && meta.Name != "" {
		return meta.Name
	}
	return s.Test.Name
}
