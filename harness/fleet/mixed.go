package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Mixed is a provider of clusters of several kinds: each spec names its own, or gets the first.
type Mixed []cluster.Provider

var (
	_ cluster.Provider = Mixed(nil)
	_ cluster.Runner   = Mixed(nil)
)

// A preflighter can say what is missing before the first of these clusters starts.
type preflighter interface {
	Preflight(ctx context.Context, specs []cluster.Spec) error
}

// Kind is the first provider's.
func (m Mixed) Kind() string { return m[0].Kind() }

func (m Mixed) of(spec cluster.Spec) (cluster.Provider, error) {
	for _, p := range m {
		if spec.Provider == p.Kind() || spec.Provider == "" {
			return p, nil
		}
	}
	return nil, fmt.Errorf("cluster %s: provider %q: %w", spec.Name, spec.Provider, cluster.ErrUnsupported)
}

// Preflight asks each provider that can tell for its own clusters.
func (m Mixed) Preflight(ctx context.Context, specs []cluster.Spec) error {
	theirs := map[string][]cluster.Spec{}
	for _, s := range specs {
		p, err := m.of(s)
		if err != nil {
			return err
		}
		theirs[p.Kind()] = append(theirs[p.Kind()], s)
	}
	var errs []error
	for _, p := range m {
		if f, ok := p.(preflighter); ok && len(theirs[p.Kind()]) > 0 {
			errs = append(errs, f.Preflight(ctx, theirs[p.Kind()]))
		}
	}
	return errors.Join(errs...)
}

// Create makes a cluster of the kind that its spec names. Names are unique in the whole fleet.
func (m Mixed) Create(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	p, err := m.of(spec)
	if err != nil {
		return nil, err
	}
	spec.Provider = p.Kind()
	for _, other := range m {
		if _, err := other.Open(ctx, spec.Name); other != p && err == nil {
			return nil, fmt.Errorf("cluster %s: %w", spec.Name, cluster.ErrExists)
		}
	}
	return p.Create(ctx, spec)
}

// Run starts a program beside the fleet, with the first provider that can.
func (m Mixed) Run(name string, args, env []string) (cluster.Program, error) {
	for _, p := range m {
		if r, ok := p.(cluster.Runner); ok {
			return r.Run(name, args, env)
		}
	}
	return nil, fmt.Errorf("%s beside the fleet: %w", name, cluster.ErrUnsupported)
}

// Open returns the cluster of whichever provider has it.
func (m Mixed) Open(ctx context.Context, name string) (cluster.Cluster, error) {
	for _, p := range m {
		c, err := p.Open(ctx, name)
		if !errors.Is(err, cluster.ErrNotFound) {
			return c, err
		}
	}
	return nil, fmt.Errorf("cluster %s: %w", name, cluster.ErrNotFound)
}

// List names the clusters of all providers, sorted.
func (m Mixed) List(ctx context.Context) ([]string, error) {
	var names []string
	for _, p := range m {
		theirs, err := p.List(ctx)
		if err != nil {
			return nil, err
		}
		names = append(names, theirs...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Delete lets every provider delete the cluster: a half-made one may be known to none by Open.
func (m Mixed) Delete(ctx context.Context, name string) error {
	var errs []error
	for _, p := range m {
		errs = append(errs, p.Delete(ctx, name))
	}
	return errors.Join(errs...)
}

// Close closes the providers once no cluster of any is left.
func (m Mixed) Close(ctx context.Context) error {
	names, err := m.List(ctx)
	if err != nil || len(names) > 0 {
		return err
	}
	var errs []error
	for _, p := range m {
		errs = append(errs, p.Close(ctx))
	}
	return errors.Join(errs...)
}
