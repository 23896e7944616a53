package kyverno

import (
	"fmt"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine"
	enginecontext "github.com/kyverno/kyverno/pkg/engine/context"
	"github.com/kyverno/kyverno/pkg/globalcontext/store"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Mocks answer in the place of a cluster, a registry and the services that policies call,
// as test suites give them. With mocks an engine takes what it is told for the whole truth:
// an unknown user is nobody, and what is not mocked is not there.
type Mocks struct {
	// Request returns the variables that a policy finds in its context for a resource, as
	// "request.object.spec.replicas" and its value. They replace what the request says.
	Request func(policy, resource string) map[string]any
	// Rule returns those of a rule.
	Rule func(policy, rule string) map[string]any
	// Operation is what CEL policies are told; empty is CREATE.
	Operation string
	Calls     map[string]CallAnswer // by "GET:/api/v1/…", or by URL for any method
	Global    map[string]GlobalMock // GlobalContextEntries by name
	Images    map[string]map[string]any
	// Lookups says that context entries are looked up in the world. Otherwise only those
	// that are mocked have a value.
	Lookups bool
	// Lenient takes what Kyverno draws as it comes, and ConfigMaps and global context entries
	// that are not mocked for nothing, as its command line does.
	Lenient             bool
	Roles, ClusterRoles []string // of the user
}

// draws tells whether what is drawn is taken as it comes.
func (e *environment) draws() bool { return e.mocks != nil && e.mocks.Lenient }

// CallAnswer is what a URL answers.
type CallAnswer struct {
	Status int // 0 is 200
	Body   any
}

// GlobalMock is what a GlobalContextEntry holds: Data, or what FieldPath finds in it; where
// there are projections, they are all that it holds.
type GlobalMock struct {
	Data        any
	FieldPath   string
	Projections []NamedPath
}

// NamedPath is a JMESPath with a name.
type NamedPath struct{ Name, Path string }

// call returns the answer to a call; ok is false when there is none.
func (m *Mocks) call(method, url string) (CallAnswer, bool) {
	if method == "" {
		method = "GET"
	}
	answer, ok := m.Calls[method+":"+url]
	if !ok {
		answer, ok = m.Calls[url]
	}
	if answer.Status == 0 {
		answer.Status = 200
	}
	return answer, ok
}

// global returns what an entry holds.
func (m *Mocks) global(name, projection string, req *request) (any, bool, error) {
	mock, ok := m.Global[name]
	if !ok {
		return nil, false, nil
	}
	value := mock.Data
	var err error
	if mock.FieldPath != "" {
		if value, err = req.env.jp.Search(mock.FieldPath, value); err != nil {
			return nil, true, fmt.Errorf("globalContextEntries %q: fieldPath: %w", name, err)
		}
	}
	if len(mock.Projections) > 0 {
		held := map[string]any{}
		for _, p := range mock.Projections {
			if held[p.Name], err = req.env.jp.Search(p.Path, value); err != nil {
				return nil, true, fmt.Errorf("globalContextEntries %q: projection %q: %w", name, p.Name, err)
			}
		}
		value = held
	}
	if projection == "" {
		return value, true, nil
	}
	held, _ := value.(map[string]any)
	found, ok := held[projection]
	if !ok {
		return nil, true, fmt.Errorf("projection %q not found in global context entry %q", projection, name)
	}
	return found, true, nil
}

// mockedEntry is a mocked GlobalContextEntry.
type mockedEntry struct {
	name string
	req  *request
}

func (mockedEntry) Stop() {}

// Get returns what the entry holds.
func (e mockedEntry) Get(projection string) (any, error) {
	value, _, err := e.req.env.mocks.global(e.name, projection, e.req)
	return value, err
}

var _ store.Entry = mockedEntry{}

// fill puts the mocked variables of a policy into its context, and takes the resources back
// out of it: a variable may have changed them.
func (m *Mocks) fill(pc *engine.PolicyContext, policy, resource string) (*engine.PolicyContext, error) {
	if m.Request == nil {
		return pc, nil
	}
	context := pc.JSONContext()
	objects := false
	for _, v := range byName(m.Request(policy, resource)) {
		objects = objects || strings.HasPrefix(v.name, "request.object") || strings.HasPrefix(v.name, "request.oldObject")
		if err := context.AddVariable(v.name, v.value); err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.name, err)
		}
	}
	if !objects {
		return pc, nil
	}
	object, err := mockedObject(context, "request.object")
	if err != nil {
		return nil, err
	}
	old, err := mockedObject(context, "request.oldObject")
	if err != nil {
		return nil, err
	}
	return pc.WithNewResource(object).WithOldResource(old), nil
}

func mockedObject(context enginecontext.Interface, path string) (unstructured.Unstructured, error) {
	found, err := context.Query(path)
	if err != nil || found == nil {
		return unstructured.Unstructured{}, nil // not there
	}
	object, ok := found.(map[string]any)
	if !ok {
		return unstructured.Unstructured{}, fmt.Errorf("variable %s is no object", path)
	}
	return unstructured.Unstructured{Object: object}, nil
}

// enter puts the mocked variables of a rule into the context.
func (m *Mocks) enter(policy kyvernov1.PolicyInterface, rule kyvernov1.Rule, context enginecontext.Interface) error {
	if m.Rule == nil || policy == nil {
		return nil
	}
	for _, v := range byName(m.Rule(policy.GetName(), rule.Name)) {
		if err := context.AddVariable(v.name, v.value); err != nil {
			return fmt.Errorf("variable %s: %w", v.name, err)
		}
	}
	return nil
}
