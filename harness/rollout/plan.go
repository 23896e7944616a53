package rollout

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// A Plan is everything that is decided before a cluster runs.
type Plan struct {
	Scenario *scenarios.Scenario
	Members  []*Member // in fleet order
	Stages   []*Stage
}

// A Member is a cluster of the fleet with what it gets.
type Member struct {
	scenarios.Cluster
	World   *capture.World
	Records []*capture.Record // its traffic, in order
	All     []*capture.Record // every record of its world, sampled or not
	Sets    []*policy.Set     // in force: Sets[0] before the rollout, Sets[i+1] after stage i
	Others  []policy.Object   // other objects that a candidate brings: parameters, ConfigMaps
	Worst   *policy.Set       // the last candidate in Enforce, for rehearsing the ways back
}

// A Stage is one of the scenario's with what it changes.
type Stage struct {
	scenarios.Stage
	Index   int
	Picked  []*Member
	Changes map[string][]change // by cluster
	Notes   []string
}

// A change is one policy of one cluster.
type change struct {
	timeline.Change
	object *policy.Object // nil: deleted
	before *policy.Object // nil: created
}

// Input is what a plan is made from.
type Input struct {
	Scenario  *scenarios.Scenario
	Capture   *capture.Capture
	Baseline  func(cluster string) *policy.Set                            // today's policies of a captured cluster
	Candidate *policy.Set                                                 // nil when every stage names its own
	Load      func(ctx context.Context, spec string) (*policy.Set, error) // reads the sets that the scenario names
	Equal     func(a, b policy.Object) bool                               // the same to an API server
}

// Make makes the plan.
func Make(ctx context.Context, in Input) (*Plan, error) {
	p := &Plan{Scenario: in.Scenario}
	clusters, err := Clusters(in.Scenario.Fleet, in.Capture)
	if err != nil {
		return nil, err
	}
	for _, c := range clusters {
		// What is not loaded into a cluster is not in it: its world is known in whole.
		world := *in.Capture.World(c.World)
		world.Cluster.Complete = true
		m := &Member{Cluster: c, World: &world}
		m.Sets = []*policy.Set{in.Baseline(c.World)}
		p.Members = append(p.Members, m)
	}
	if err := in.Capture.IndexRecords(); err != nil {
		return nil, err
	}
	if err := p.read(in); err != nil {
		return nil, err
	}
	candidate := in.Candidate
	for i, s := range in.Scenario.Stages {
		if s.Candidate != "" {
			if candidate, err = in.Load(ctx, s.Candidate); err != nil {
				return nil, fmt.Errorf("stage %q: candidate: %w", s.Name, err)
			}
		}
		if candidate == nil {
			return nil, fmt.Errorf("%w: stage %q has no candidate", scenarios.ErrInvalid, s.Name)
		}
		if err := p.stage(ctx, in, i, s, candidate); err != nil {
			return nil, fmt.Errorf("stage %q: %w", s.Name, err)
		}
	}
	if len(in.Scenario.Rollback.Ways) > 0 {
		if _, err := p.picks("rollback.clusters", in.Scenario.Rollback.Clusters); err != nil {
			return nil, err
		}
	}
	for _, m := range p.Members {
		m.Worst, _, _ = in.next(m, m.Sets[0], candidate, scenarios.Stage{Mode: scenarios.Enforce})
	}
	return p, nil
}

// Clusters is the fleet of a spec: the listed ones, or the capture's, or so many of them.
func Clusters(f scenarios.FleetSpec, c *capture.Capture) ([]scenarios.Cluster, error) {
	out := slices.Clone(f.Clusters)
	n := f.Count
	if len(out) == 0 && c != nil && n == 0 {
		n = len(c.Clusters)
	}
	for i := 0; len(f.Clusters) == 0 && i < n; i++ {
		if c == nil || len(c.Clusters) == 0 {
			out = append(out, scenarios.Cluster{Name: fmt.Sprintf("cluster-%d", i+1)})
			continue
		}
		from := c.Clusters[i%len(c.Clusters)]
		name := from.Name
		if i >= len(c.Clusters) {
			name = fmt.Sprintf("%s-%d", from.Name, i/len(c.Clusters)+1)
		}
		out = append(out, scenarios.Cluster{Name: label(name), Labels: from.Labels, World: from.Name})
	}
	for i := range out {
		out[i].World = cmp.Or(out[i].World, out[i].Name)
		out[i].KubernetesVersion = cmp.Or(out[i].KubernetesVersion, f.KubernetesVersion)
		if out[i].Components == nil {
			out[i].Components = f.Components
		}
		if c != nil && c.World(out[i].World) == nil {
			return nil, fmt.Errorf("%w: cluster %s: the capture has no cluster %q (hint: name one of its clusters as world)", scenarios.ErrInvalid, out[i].Name, out[i].World)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: the fleet has no clusters", scenarios.ErrInvalid)
	}
	return out, nil
}

// Specs is the clusters as a provider makes them.
func Specs(clusters []scenarios.Cluster) []cluster.Spec {
	var specs []cluster.Spec
	for _, c := range clusters {
		spec := cluster.Spec{Name: c.Name, Labels: c.Labels, KubernetesVersion: c.KubernetesVersion}
		for _, x := range c.Components {
			spec.Components = append(spec.Components, cluster.Component(x))
		}
		specs = append(specs, spec)
	}
	return specs
}

// label makes a cluster's name one that a cluster may have here.
func label(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return strings.Trim(clean[:min(len(clean), 63)], "-")
}

// read gives every member its records.
func (p *Plan) read(in Input) error {
	for rec, err := range in.Capture.Records() {
		if err != nil {
			return err
		}
		for _, m := range p.Members {
			if m.World.Cluster.Name == rec.Cluster {
				m.All = append(m.All, rec)
			}
		}
	}
	return nil
}

// stage computes what one stage gives to each member.
func (p *Plan) stage(ctx context.Context, in Input, i int, s scenarios.Stage, candidate *policy.Set) error {
	st := &Stage{Stage: s, Index: i, Changes: map[string][]change{}}
	picked, err := p.picks("clusters", s.Clusters)
	if err != nil {
		return err
	}
	for j, o := range s.Overrides {
		if _, err := p.picks(fmt.Sprintf("overrides[%d].clusters", j), o.Clusters); err != nil {
			return err
		}
	}
	if err := p.known(s.Policies, candidate); err != nil {
		return err
	}
	for _, m := range p.Members {
		before := m.Sets[i]
		after := before
		if slices.ContainsFunc(picked, func(c scenarios.Cluster) bool { return c.Name == m.Name }) {
			st.Picked = append(st.Picked, m)
			own, exceptions, err := in.forMember(ctx, s, m, p.clusters())
			if err != nil {
				return err
			}
			if own.FirstNamespaces > 0 {
				own.Namespaces = firstNamespaces(m, own.FirstNamespaces)
				st.Namespaces = merged(st.Namespaces, own.Namespaces)
			}
			var notes []string
			var changes []change
			if own.FirstNamespaces > 0 && len(own.Namespaces) == 0 {
				notes = []string{m.Name + ": no namespace has requests: nothing is changed"}
			} else {
				after, changes, notes = in.next(m, before, with(candidate, exceptions), own)
			}
			st.Changes[m.Name] = changes
			st.Notes = append(st.Notes, notes...)
			m.Others = append(m.Others, candidate.Others...)
		}
		m.Sets = append(m.Sets, after)
	}
	p.Stages = append(p.Stages, st)
	return nil
}

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
		installed := slices.ContainsFunc(p.Members, func(m *Member) bool { return have(m.Sets[0], n) })
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
		exceptions = append(exceptions, set.Objects...)
	}
	return s, exceptions, nil
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

// next is the set that a stage leaves in force, and the changes that lead to it.
func (in Input) next(m *Member, before, candidate *policy.Set, s scenarios.Stage) (*policy.Set, []change, []string) {
	now := byKey(before)
	original := byKey(m.Sets[0])
	want := maps.Clone(now)
	var notes []string
	for _, k := range keys(original, byKey(candidate)) {
		base, inBase := original[k]
		object, inCandidate := byKey(candidate)[k]
		named := slices.Contains(s.Policies, k.name)
		if len(s.Policies) > 0 && !named {
			continue
		}
		switch {
		case inBase && inCandidate && in.Equal(base, object) && !(named && s.Mode == scenarios.Removed):
			if _, there := now[k]; there && in.Equal(now[k], base) {
				continue
			}
			want[k] = base // what an earlier stage changed is again as it was
		case s.Mode == scenarios.Baseline && inBase:
			want[k] = base
		case s.Mode == scenarios.Baseline || s.Mode == scenarios.Removed && inCandidate:
			delete(want, k)
		case s.Mode == scenarios.Removed:
		case !inCandidate:
			if s.Mode != scenarios.Audit && len(s.Namespaces) == 0 {
				delete(want, k)
			}
		default:
			shaped, note, ok := shape(object, s)
			if note != "" {
				notes = append(notes, note)
			}
			if !ok {
				continue
			}
			if inBase && policy.ModeOf(base) == policy.Enforce && (policy.ModeOf(shaped) == policy.Audit || len(s.Namespaces) > 0) {
				notes = append(notes, fmt.Sprintf("%s: today %s is enforced; during this stage less is", m.Name, k))
			}
			want[k] = shaped
		}
	}
	return in.compare(m, now, want), in.changes(m, now, want), notes
}

// shape is a candidate's object as the stage writes it; ok is false when it is withheld.
func shape(o policy.Object, s scenarios.Stage) (out policy.Object, note string, ok bool) {
	out = o
	mode := policy.ModeOf(o)
	switch {
	case s.Mode == scenarios.Audit && mode != "":
		out, _ = policy.InMode(o, policy.Audit)
	case s.Mode == string(policy.Warn) && mode != "":
		out, _ = policy.InMode(o, policy.Warn)
	case s.Mode == scenarios.Enforce && mode != "":
		out, _ = policy.InMode(o, policy.Enforce)
	case s.Mode == scenarios.Audit && changesObjects(o):
		return o, fmt.Sprintf("%s %s changes objects and cannot audit: withheld", o.Kind, o.Name), false
	}
	if len(s.Namespaces) > 0 && o.Kind != "PolicyException" && o.Kind != "GlobalContextEntry" {
		if out, ok = policy.InNamespaces(out, s.Namespaces); !ok {
			return o, fmt.Sprintf("%s %s matches nothing in %s: withheld", o.Kind, o.Name, strings.Join(s.Namespaces, ", ")), false
		}
	}
	return out, "", true
}

// changesObjects says whether a policy without a mode does something by itself.
func changesObjects(o policy.Object) bool {
	return o.Kind != "PolicyException" && o.Kind != "GlobalContextEntry" && o.Kind != "ValidatingAdmissionPolicy"
}

type key struct{ group, kind, namespace, name string }

func (k key) String() string { return title(k.kind, k.namespace, k.name) }

func byKey(s *policy.Set) map[key]policy.Object {
	out := map[key]policy.Object{}
	for _, o := range s.Objects {
		group, _, _ := strings.Cut(o.APIVersion, "/")
		out[key{group, o.Kind, o.Namespace, o.Name}] = o
	}
	return out
}

func keys(sets ...map[key]policy.Object) []key {
	all := map[key]bool{}
	for _, s := range sets {
		for k := range s {
			all[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name), cmp.Compare(a.group, b.group))
	})
}

// compare is want as a set; one that changes nothing is the old one.
func (in Input) compare(m *Member, now, want map[key]policy.Object) *policy.Set {
	var objects []policy.Object
	for _, k := range keys(want) {
		objects = append(objects, want[k])
	}
	return policy.FromObjects(m.Name, objects)
}

// changes lists what differs, policies in order; what is deleted comes last, so that a
// migration to another kind leaves no gap in which neither is in force.
func (in Input) changes(m *Member, now, want map[key]policy.Object) []change {
	var out, gone []change
	for _, k := range keys(now, want) {
		old, was := now[k]
		object, is := want[k]
		c := change{Change: timeline.Change{Cluster: m.Name, Policy: k.String()}}
		switch {
		case was && is && in.Equal(old, object):
			continue
		case is && was:
			c.Action, c.object, c.before = "updated", &object, &old
		case is:
			c.Action, c.object = "created", &object
		default:
			c.Action, c.before = "deleted", &old
			gone = append(gone, c)
			continue
		}
		c.Mode = string(policy.ModeOf(object))
		out = append(out, c)
	}
	return append(out, gone...)
}
