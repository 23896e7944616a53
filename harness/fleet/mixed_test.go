package fleet

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/harness/cluster"
)

// A fake is a provider that only remembers; others panic when asked for more.
type fake struct {
	cluster.Provider
	mu      sync.Mutex // clusters are made and deleted at the same time
	kind    string
	made    []string
	closed  bool
	missing error
}

type made struct {
	cluster.Cluster
	spec cluster.Spec
}

func (m made) Name() string { return m.spec.Name }

func (f *fake) Kind() string { return f.kind }

func (f *fake) Create(_ context.Context, s cluster.Spec) (cluster.Cluster, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = append(f.made, s.Name)
	return made{spec: s}, nil
}

func (f *fake) Open(_ context.Context, name string) (cluster.Cluster, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.made, name) {
		return nil, cluster.ErrNotFound
	}
	return made{spec: cluster.Spec{Name: name, Provider: f.kind}}, nil
}

func (f *fake) List(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.made), nil
}

func (f *fake) Delete(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = slices.DeleteFunc(slices.Clone(f.made), func(n string) bool { return n == name })
	return nil
}

func (f *fake) Close(context.Context) error { f.closed = true; return nil }

func (f *fake) Preflight(context.Context, []cluster.Spec) error { return f.missing }

func TestMixed(t *testing.T) {
	one, two := &fake{kind: "one"}, &fake{kind: "two"}
	m := Mixed{one, two}
	specs := []cluster.Spec{{Name: "b"}, {Name: "a", Provider: "two"}}
	if _, err := Up(t.Context(), m, specs, 2, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"b"}, {"a"}}, [][]string{one.made, two.made}); diff != "" {
		t.Errorf("each is made by its own provider: %s", diff)
	}
	if names, err := m.List(t.Context()); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("got %v, %v", names, err)
	}
	if c, err := m.Open(t.Context(), "a"); err != nil || c.(made).spec.Provider != "two" {
		t.Errorf("got %v, %v", c, err)
	}
	if _, err := m.Open(t.Context(), "c"); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := m.Create(t.Context(), cluster.Spec{Name: "a", Provider: "one"}); !errors.Is(err, cluster.ErrExists) {
		t.Errorf("a name is unique in the fleet: %v", err)
	}
	if _, err := m.Create(t.Context(), cluster.Spec{Name: "c", Provider: "three"}); !errors.Is(err, cluster.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	if err := m.Close(t.Context()); err != nil || one.closed || two.closed {
		t.Errorf("closed with clusters left: %v", err)
	}
	if _, err := Down(t.Context(), m); err != nil || len(one.made)+len(two.made) > 0 || !one.closed || !two.closed {
		t.Errorf("%v, left %v %v", err, one.made, two.made)
	}
}

// runner is a provider that runs programs, too.
type runner struct {
	*fake
	ran []string
}

func (r *runner) Run(name string, _, _ []string) (cluster.Program, error) {
	r.ran = append(r.ran, name)
	return nil, nil
}

func TestMixedRunsProgramsWithTheProviderThatCan(t *testing.T) {
	r := &runner{fake: &fake{kind: "two"}}
	if _, err := (Mixed{&fake{kind: "one"}, r}).Run("agent", nil, nil); err != nil || !slices.Equal(r.ran, []string{"agent"}) {
		t.Errorf("got %v, ran %v", err, r.ran)
	}
	if _, err := (Mixed{&fake{kind: "one"}}).Run("agent", nil, nil); !errors.Is(err, cluster.ErrUnsupported) {
		t.Errorf("nobody can: %v", err)
	}
}

func TestUpStartsNothingWhenSomethingIsMissing(t *testing.T) {
	one, two := &fake{kind: "one"}, &fake{kind: "two", missing: errors.New("no engine")}
	_, err := Up(t.Context(), Mixed{one, two}, []cluster.Spec{{Name: "b"}, {Name: "a", Provider: "two"}}, 2, nil)
	if !errors.Is(err, two.missing) || len(one.made) > 0 {
		t.Errorf("got %v, made %v", err, one.made)
	}
	if _, err := Up(t.Context(), Mixed{one, two}, []cluster.Spec{{Name: "b"}}, 2, nil); err != nil {
		t.Errorf("a provider that makes none is asked: %v", err)
	}
}
