package suite

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// values reads the variables: those of the document, or of the file that it names.
func (s *Suite) values() (*Values, error) {
	if s.Test.Values != nil {
		return s.Test.Values, nil
	}
	v := &Values{}
	if s.Test.Variables == "" {
		return v, nil
	}
	return v, s.one(s.Test.Variables, v)
}

// request returns the variables of a policy for a resource; those of the resource win.
func (v *Values) request(policy, resource string) map[string]any {
	found := maps.Clone(v.GlobalValues)
	if found == nil {
		found = map[string]any{}
	}
	for _, p := range v.Policies {
		if p.Name != policy {
			continue
		}
		for _, r := range p.Resources {
			if r.Name == resource {
				maps.Copy(found, r.Values)
			}
		}
	}
	return found
}

// rule returns the variables of a rule; of those that differ by element, the first.
func (v *Values) rule(policy, rule string) map[string]any {
	found := map[string]any{}
	for _, p := range v.Policies {
		if p.Name != policy {
			continue
		}
		for _, r := range p.Rules {
			if !isRule(rule, r.Name) {
				continue
			}
			maps.Copy(found, r.Values)
			for name, values := range r.ForeachValues {
				if len(values) > 0 {
					found[name] = values[0]
				}
			}
		}
	}
	return found
}

// mocks makes what answers in the place of a cluster, and tells who sends the requests.
func (s *Suite) mocks(v *Values) (*kyverno.Mocks, *userInfo, error) {
	m := &kyverno.Mocks{
		Request: v.request, Rule: v.rule,
		Lookups: len(s.Test.ClusterResources) > 0,
		Calls:   map[string]kyverno.CallAnswer{},
		Global:  map[string]kyverno.GlobalMock{},
		Images:  map[string]map[string]any{},
	}
	m.Operation, _ = v.GlobalValues["request.operation"].(string)
	user := &userInfo{}
	if s.Test.UserInfo != "" {
		if err := s.one(s.Test.UserInfo, user); err != nil {
			return nil, nil, err
		}
	}
	m.Roles, m.ClusterRoles = user.Roles, user.ClusterRoles
	for _, a := range s.Test.APICallResponses {
		m.Calls[a.key()] = kyverno.CallAnswer{Status: a.Response.StatusCode, Body: a.Response.Body}
	}
	for _, g := range s.Test.GlobalContextEntries {
		mock, err := s.global(g)
		if err != nil {
			return nil, nil, fmt.Errorf("globalContextEntries: %s: %w", g.Name, err)
		}
		m.Global[g.Name] = mock
	}
	return m, user, nil
}

func (s *Suite) global(g globalContextEntry) (kyverno.GlobalMock, error) {
	mock := kyverno.GlobalMock{Data: g.Data, FieldPath: g.FieldPath}
	for _, p := range g.Projections {
		mock.Projections = append(mock.Projections, kyverno.NamedPath{Name: p.Name, Path: p.Path})
	}
	if g.Data != nil {
		return mock, nil
	}
	list := append([]any{}, g.Resources...)
	for _, name := range g.ResourceFiles {
		docs, err := s.documents(name)
		if err != nil {
			return mock, err
		}
		for _, doc := range docs {
			list = append(list, any(doc.Object))
		}
	}
	mock.Data = list
	return mock, nil
}

// world makes the cluster that the suite describes.
func (s *Suite) world(v *Values, m *kyverno.Mocks, discovery *capture.Resources, resources []resource) (*capture.World, error) {
	var objects []map[string]any
	for _, r := range resources { // a request into a namespace says that it is there
		if r.namespace != "" {
			objects = append(objects, namespace(r.namespace, nil))
		}
	}
	for _, r := range resources {
		objects = append(objects, r.object)
	}
	more, err := s.clusterObjects(m, discovery)
	if err != nil {
		return nil, err
	}
	objects = append(objects, more...)
	for _, n := range v.NamespaceSelectors {
		objects = append(objects, namespace(n.Name, n.Labels))
	}
	for _, n := range v.Namespaces {
		n = maps.Clone(n)
		n["apiVersion"], n["kind"] = "v1", "Namespace"
		objects = append(objects, n)
	}
	var all []*capture.WorldObject
	for _, o := range objects {
		content, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		all = append(all, &capture.WorldObject{Object: content})
	}
	return capture.NewWorld(capture.Cluster{Name: "suite", Source: "suite", Complete: true}, all...)
}

func namespace(name string, labels map[string]string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "labels": labels}}
}

// clusterObjects reads what the suite's files add to the cluster.
func (s *Suite) clusterObjects(m *kyverno.Mocks, discovery *capture.Resources) ([]map[string]any, error) {
	var objects []map[string]any
	add := func(names ...string) error {
		found, err := s.resources(discovery, names)
		for _, r := range found {
			objects = append(objects, r.object)
		}
		return err
	}
	for _, name := range s.Test.ClusterResources {
		var file clusterResource
		if err := s.one(name, &file); err != nil {
			return nil, err
		}
		if err := add(file.Spec.CRDs...); err != nil {
			return nil, err
		}
		if err := misreadIn(name, file.Spec.Resources); err != nil {
			return nil, err
		}
		objects = append(objects, file.Spec.Resources...)
	}
	if s.Test.Context != "" {
		var file contextFile
		if err := s.one(s.Test.Context, &file); err != nil {
			return nil, err
		}
		if err := misreadIn(s.Test.Context, file.Spec.Resources); err != nil {
			return nil, err
		}
		objects = append(objects, file.Spec.Resources...)
		for _, image := range file.Spec.Images {
			name, _ := image["image"].(string)
			m.Images[name] = image
		}
	}
	if err := add(s.Test.ParamResources...); err != nil {
		return nil, err
	}
	for _, e := range s.Test.Results {
		if e.CloneSourceResource != "" {
			if err := add(e.CloneSourceResource); err != nil {
				return nil, err
			}
		}
	}
	return objects, nil
}

// misreadIn finds it in the objects that a file lists.
func misreadIn(file string, objects []map[string]any) error {
	for i, object := range objects {
		if err := misread(object); err != nil {
			return fmt.Errorf("%s: spec.resources[%d]: %w", file, i, err)
		}
	}
	return nil
}
