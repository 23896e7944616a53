package rollout

import (
	"cmp"
	"context"
	"fmt"
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
	Hub      *HubPlan // nil unless the policies come from a hub
}

// A Member is a cluster of the fleet with what it gets.
type Member struct {
	scenarios.Cluster
	World *capture.World
	// Captured is its world as the capture has it; World is what it holds when it is asked.
	Captured *capture.World
	Records  []*capture.Record // its traffic, in order
	All      []*capture.Record // every record of its world, sampled or not
	Sets     []*policy.Set     // in force: Sets[0] before the rollout, Sets[i+1] after stage i
	Others   []policy.Object   // other objects that a candidate brings: parameters, ConfigMaps
	Worst    *policy.Set       // the last candidate in Enforce, with the stages' exceptions, for rehearsing the ways back

	exceptions []policy.Object // that stages bring
}

// A Stage is one of the scenario's with what it changes.
type Stage struct {
	scenarios.Stage
	Index   int
	Picked  []*Member
	Changes map[string][]change // by cluster
	Notes   []string
	Others  []policy.Object // other objects that its candidate brings: parameters, ConfigMaps
	Hub     *HubStage       // nil unless the policies come from a hub
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
		m := &Member{Cluster: c, World: &world, Captured: in.Capture.World(c.World)}
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
		m.Worst, _, _ = in.next(m, m.Sets[0], with(candidate, m.exceptions), scenarios.Stage{Mode: scenarios.Enforce})
	}
	return p, p.checkExpectations()
}

// Clusters is the fleet of a spec: the listed ones, or the capture's, or so many of them.
func Clusters(f scenarios.FleetSpec, c *capture.Capture) ([]scenarios.Cluster, error) {
	out := slices.Clone(f.Clusters)
	n := f.Count
	if len(out) == 0 && c != nil && n == 0 {
		n = len(c.Clusters)
	}
	var taken []string
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
		taken = append(taken, unlike(taken, name, ""))
		out = append(out, scenarios.Cluster{Name: taken[i], Labels: from.Labels, World: from.Name})
	}
	for i := range out {
		out[i].World = cmp.Or(out[i].World, out[i].Name)
		out[i].KubernetesVersion = cmp.Or(out[i].KubernetesVersion, f.KubernetesVersion)
		out[i].Nodes = cmp.Or(out[i].Nodes, f.Nodes)
		if out[i].Components == nil {
			out[i].Components = f.Components
		}
		out[i].Provider = cmp.Or(out[i].Provider, f.Provider)
		out[i].Kind = cmp.Or(out[i].Kind, f.Kind)
		if err := out[i].CheckFiles(); err != nil {
			return nil, err
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
		spec := cluster.Spec{Name: c.Name, Labels: c.Labels, KubernetesVersion: c.KubernetesVersion, Nodes: c.Nodes,
			Provider: c.Provider, Context: c.Context, Kind: kindSpec(c.Kind)}
		for _, x := range c.Components {
			spec.Components = append(spec.Components, cluster.Component(x))
		}
		specs = append(specs, spec)
	}
	return specs
}

func kindSpec(k *scenarios.Kind) cluster.KindSpec {
	if k == nil {
		return cluster.KindSpec{}
	}
	return cluster.KindSpec{NodeImage: k.NodeImage, Workers: k.Workers, FeatureGates: k.FeatureGates, KubeadmPatches: k.KubeadmPatches,
		InCluster: k.Kyverno == "cluster", Manifest: k.Manifest, Archives: k.Images, Pulled: k.Workloads == scenarios.Pulled}
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

// unlike makes a name with an end one that a cluster may have here and none of those taken has.
func unlike(taken []string, name, end string) string {
	for n := 1; ; n++ {
		last := end
		if n > 1 {
			last = fmt.Sprintf("-%d%s", n, end)
		}
		if made := label(name[:min(len(name), 63-len(last))]) + last; !slices.Contains(taken, made) {
			return made
		}
	}
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
	st := &Stage{Stage: s, Index: i, Others: candidate.Others, Changes: map[string][]change{}}
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
			if len(own.Policies) > 0 { // what the stage brings itself need not be named
				own.Policies = slices.Concat(own.Policies, names(exceptions))
			}
			m.exceptions = append(m.exceptions, exceptions...)
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
