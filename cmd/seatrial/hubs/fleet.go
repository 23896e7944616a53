package hubs

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// said is what one source says of a cluster.
type said struct {
	by     string // "fleet.yaml"
	labels map[string]string
}

// members gathers the fleet: the clusters of the fleet file, or else of the capture,
// beside the hub's MemberClusters. Where two sources say another value of one label of a
// cluster, nobody knows which one counts: that is an error.
func (a *Asked) members(ctx context.Context, file string, opt Options) error {
	a.keepLive()
	var sources []string
	all := map[string][]said{}
	if len(a.After.Members) > 0 {
		sources = append(sources, "the hub's MemberClusters")
	}
	for _, m := range a.After.Members { // of the state before a label may have changed since
		all[m.Name] = append(all[m.Name], said{"the hub's MemberCluster", m.Labels})
	}
	clusters, err := a.clusters(ctx, file, opt)
	if err != nil {
		return err
	}
	by := file
	if file == "" {
		by = "the capture"
	}
	if len(clusters) > 0 {
		sources = append(sources, by)
	}
	a.Installed = map[string]*policy.Set{}
	for _, c := range clusters {
		all[c.Name] = append(all[c.Name], said{by, c.Labels})
		a.Members = append(a.Members, c.Member)
		if opt.Capture == nil {
			continue
		}
		if world := opt.Capture.World(c.World); world != nil {
			a.Worlds[c.Name] = c.World
			if opt.Installed != nil {
				a.Installed[c.Name] = opt.installed(world)
			}
		}
	}
	if len(all) == 0 {
		for _, p := range a.After.Problems {
			if strings.HasPrefix(p.Policy, "MemberCluster") {
				return malformed("", "the fleet has no clusters: %s:%d: %s: %s", p.File, p.Line, p.Policy, p.Reason)
			}
		}
		return malformed("give --fleet FILE, --capture FILE, or MemberClusters in the hub", "the fleet has no clusters")
	}
	a.worldsOfMembers(opt)
	if opt.Capture != nil && opt.Installed != nil {
		a.Namespaces = func(member, namespace string) (there, known bool) {
			world := opt.Capture.World(a.Worlds[member])
			if world == nil {
				return false, false
			}
			object, known := world.Get(capture.GVR{Version: "v1", Resource: "namespaces"}, "", namespace)
			return object != nil, known
		}
	}
	if len(a.Installed) == 0 {
		a.Installed = nil
	}
	a.Fleet = strings.Join(sources, " and ")
	return conflicts(all, opt.Capture, len(clusters) > 0)
}

// keepLive leaves a fleet as it is when files are compared with a live hub and name no
// MemberClusters: they do not say who is a member, and delete nobody.
func (a *Asked) keepLive() {
	if a.Before == nil || !isLive(a.Before.Source) || isLive(a.After.Source) {
		return
	}
	a.Notes = append(a.Notes, fmt.Sprintf("%s is compared with a live hub: what only %s holds counts as deleted", a.After.Source, a.Before.Source))
	if len(a.After.Members) == 0 {
		a.After.Members = a.Before.Members
	}
}

// A listed cluster is one that a source of the fleet names.
type listed struct {
	*placement.Member
	World string // the captured cluster that stands for it
}

// clusters are those of the fleet file; without one, of the capture, if no hub has
// MemberClusters of the same names.
func (a *Asked) clusters(ctx context.Context, file string, opt Options) ([]listed, error) {
	if file == "" {
		var out []listed
		if opt.Capture != nil && len(a.After.Members) == 0 {
			for _, c := range opt.Capture.Clusters {
				out = append(out, listed{placement.NewMember(c.Name, c.Labels), c.Name})
			}
		}
		return out, nil
	}
	fleet, err := ReadFleet(ctx, file)
	if err != nil {
		return nil, err
	}
	var out []listed
	for i, c := range fleet.Spec.Clusters {
		world := c.World
		if world == "" {
			world = c.Name
		} else if opt.Capture != nil && opt.Capture.World(world) == nil {
			return nil, malformed("name one of the capture's clusters as world", "--fleet: cluster %s: the capture has no cluster %q", c.Name, world)
		}
		out = append(out, listed{fleet.Members[i], world})
	}
	if len(out) == 0 {
		return nil, malformed("list them under spec.clusters, with name and labels, or as MemberClusters", "--fleet: %s names no clusters", file)
	}
	return out, nil
}

// A Fleet is a fleet file, or a file of MemberClusters, as it is read.
type Fleet struct {
	Spec    scenarios.FleetSpec
	Members []*placement.Member // of Spec.Clusters, in their order
}

// ReadFleet reads the clusters that --fleet names.
func ReadFleet(ctx context.Context, file string) (*Fleet, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, malformed("", "--fleet: %w", err)
	}
	if !utf8.Valid(content) {
		return nil, malformed("a fleet is a YAML file; a capture is given with --capture, and its clusters are the fleet then", "--fleet: %s is no text", file)
	}
	f := &Fleet{}
	if !memberClusters.Match(content) {
		fleet, err := scenarios.ParseFleet(file, content)
		if err != nil {
			return nil, malformed("docs/fleet.md describes the file", "--fleet: %w", err)
		}
		f.Spec = fleet.Spec
		for _, c := range f.Spec.Clusters {
			f.Members = append(f.Members, placement.NewMember(c.Name, c.Labels))
		}
		return f, nil
	}
	hub, err := placement.Load(ctx, file, placement.Options{})
	if err != nil {
		return nil, malformed("", "--fleet: %w", err)
	}
	mixed := slices.Clone(hub.Problems) // a Fleet needs no name, which is a problem of an object
	for _, o := range hub.Objects {
		mixed = append(mixed, policy.Problem{File: o.File, Line: o.Line, Policy: o.Kind + "/" + o.Name})
	}
	for _, p := range mixed {
		if kind, _, _ := strings.Cut(p.Policy, "/"); kind == "Fleet" {
			return nil, malformed("keep the one or the other: a fleet is a fleet file, or MemberClusters", "--fleet: %s:%d: a Fleet beside MemberClusters", p.File, p.Line)
		}
	}
	for _, p := range hub.Problems {
		return nil, malformed("", "--fleet: %s:%d: %s: %s", p.File, p.Line, p.Policy, p.Reason)
	}
	f.Members = hub.Members
	for _, m := range hub.Members {
		f.Spec.Clusters = append(f.Spec.Clusters, scenarios.Cluster{Name: m.Name, Labels: m.Labels})
	}
	return f, nil
}

// memberClusters is how a file of KubeFleet's objects is told from a fleet file.
var memberClusters = regexp.MustCompile(`(?m)^\s*"?kind"?: *"?MemberCluster"?\b`)

// worldsOfMembers finds captured clusters for the hub's MemberClusters.
func (a *Asked) worldsOfMembers(opt Options) {
	if opt.Capture == nil {
		return
	}
	for _, m := range a.After.Members {
		world := opt.Capture.World(m.Name)
		if world == nil || a.Worlds[m.Name] != "" {
			continue
		}
		a.Worlds[m.Name] = m.Name
		if opt.Installed != nil {
			a.Installed[m.Name] = opt.installed(world)
		}
	}
}

// conflicts says where two sources contradict each other.
func conflicts(all map[string][]said, c *capture.Capture, named bool) error {
	if c != nil && named {
		for _, captured := range c.Clusters {
			if list := all[captured.Name]; len(list) > 0 && list[0].by != "the capture" {
				all[captured.Name] = append(list, said{"the capture", captured.Labels})
			}
		}
	}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		first := map[string]said{}
		for _, s := range all[name] {
			for _, key := range slices.Sorted(maps.Keys(s.labels)) {
				other, ok := first[key]
				if ok && other.labels[key] != s.labels[key] {
					faults = append(faults, fmt.Sprintf("cluster %s: label %s is %q by %s and %q by %s", name, key, other.labels[key], other.by, s.labels[key], s.by))
				}
				if !ok {
					first[key] = s
				}
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return malformed("make them say the same, or leave the label out of one", "the fleet is said in two ways:\n  %s", strings.Join(faults, "\n  "))
}
