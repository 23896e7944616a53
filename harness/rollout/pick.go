package rollout

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/policy"
)

// picks is the clusters that a selector means: at least one, and every one that it names.
func (p *Plan) picks(field string, s scenarios.Selector) ([]scenarios.Cluster, error) {
	all := p.clusters()
	var have []string
	for _, c := range all {
		have = append(have, c.Name)
	}
	for _, n := range s.Names {
		if !slices.Contains(have, n) {
			return nil, fmt.Errorf("%w: %s: the fleet has no cluster %q (it has %s)", scenarios.ErrInvalid, field, n, strings.Join(have, ", "))
		}
	}
	picked := s.Picks(all)
	if len(picked) == 0 {
		return nil, fmt.Errorf("%w: %s: no cluster of the fleet is picked (hint: seatrial capture info shows the clusters' labels)", scenarios.ErrInvalid, field)
	}
	return picked, nil
}

// known says which of the policies that a stage names is neither in the candidate nor
// installed anywhere.
func (p *Plan) known(names []string, candidate *policy.Set) error {
	have := func(s *policy.Set, name string) bool {
		return slices.ContainsFunc(s.Objects, func(o policy.Object) bool { return o.Name == name })
	}
	for _, n := range names {
		installed := slices.ContainsFunc(p.Members, func(m *Member) bool { return have(m.Sets[0], n) || have(m.Sets[len(m.Sets)-1], n) })
		if !installed && !have(candidate, n) {
			return fmt.Errorf("%w: policies: %q is neither in the candidate nor installed", scenarios.ErrInvalid, n)
		}
	}
	return nil
}

func (p *Plan) clusters() []scenarios.Cluster {
	var out []scenarios.Cluster
	for _, m := range p.Members {
		out = append(out, m.Cluster)
	}
	return out
}

// forMember applies the overrides that pick the member.
func (in Input) forMember(ctx context.Context, s scenarios.Stage, m *Member, all []scenarios.Cluster) (scenarios.Stage, []policy.Object, error) {
	files := []string{s.Exceptions}
	for _, o := range s.Overrides {
		if slices.ContainsFunc(o.Clusters.Picks(all), func(c scenarios.Cluster) bool { return c.Name == m.Name }) {
			s.Mode = cmp.Or(o.Mode, s.Mode)
			files = append(files, o.Exceptions)
		}
	}
	var exceptions []policy.Object
	for _, f := range files {
		if f == "" {
			continue
		}
		set, err := in.Load(ctx, f)
		if err != nil {
			return s, nil, fmt.Errorf("exceptions: %w", err)
		}
		for _, o := range set.Objects {
			if o.Kind != "PolicyException" {
				return s, nil, fmt.Errorf("%w: exceptions: %s holds %s %s (hint: policies belong to the candidate)", scenarios.ErrInvalid, f, o.Kind, o.Name)
			}
		}
		exceptions = append(exceptions, set.Objects...)
	}
	return s, exceptions, nil
}

func names(objects []policy.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.Name)
	}
	return out
}

func with(set *policy.Set, more []policy.Object) *policy.Set {
	if len(more) == 0 {
		return set
	}
	return policy.FromObjects(set.Source, append(slices.Clone(set.Objects), more...))
}

// firstNamespaces is the first namespaces by name that have requests and are no system's.
func firstNamespaces(m *Member, n int) []string {
	seen := map[string]bool{}
	for _, r := range m.All {
		if ns := r.Namespace; ns != "" && !strings.HasPrefix(ns, "kube-") && ns != "kyverno" {
			seen[ns] = true
		}
	}
	names := slices.Sorted(maps.Keys(seen))
	return names[:min(n, len(names))]
}

// merged is both lists as one, sorted, each name once.
func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
