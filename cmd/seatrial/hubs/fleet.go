package hubs

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// said is what one source says of a cluster.
type said struct {
	by     string // "fleet.yaml"
	labels map[string]string
}

// members gathers the fleet: the clusters of the fleet file, or else of the capture,
// beside the hub's MemberClusters. Where two sources say another value of one label of a
// cluster, nobody knows which one counts: that is an error.
func (a *Asked) members(file string, opt Options) error {
	var sources []string
	all := map[string][]said{}
	for _, h := range []*placement.Hub{a.Before, a.After} {
		if h == nil || len(h.Members) == 0 {
			continue
		}
		if h == a.After {
			sources = append(sources, "the hub's MemberClusters")
		}
		for _, m := range h.Members {
			if h == a.After { // a label may have changed since the state before
				all[m.Name] = append(all[m.Name], said{"the hub's MemberCluster", m.Labels})
			}
		}
	}
	clusters, err := a.clusters(file, opt)
	if err != nil {
		return err
	}
	by := file
	if file == "" && len(clusters) > 0 {
		by = "the capture"
	}
	if len(clusters) > 0 {
		sources = append(sources, by)
	}
	a.Installed = map[string]*policy.Set{}
	for _, c := range clusters {
		all[c.Name] = append(all[c.Name], said{by, c.Labels})
		a.Members = append(a.Members, placement.NewMember(c.Name, c.Labels))
		if opt.Capture == nil {
			continue
		}
		if world := opt.Capture.World(c.World); world != nil {
			a.Worlds[c.Name] = c.World
			if opt.Installed != nil {
				a.Installed[c.Name] = opt.Installed(world)
			}
		}
	}
	if len(all) == 0 {
		return malformed("give --fleet FILE, --capture FILE, or MemberClusters in the hub", "the fleet has no clusters")
	}
	a.worldsOfMembers(opt.Capture, opt.Installed)
	if len(a.Installed) == 0 {
		a.Installed = nil
	}
	a.Fleet = strings.Join(sources, " and ")
	return conflicts(all, opt.Capture, clusters)
}

// clusters are those of the fleet file; without one, of the capture, if no hub has
// MemberClusters of the same names.
func (a *Asked) clusters(file string, opt Options) ([]scenarios.Cluster, error) {
	if file == "" {
		var out []scenarios.Cluster
		if opt.Capture != nil && len(a.After.Members) == 0 {
			for _, c := range opt.Capture.Clusters {
				out = append(out, scenarios.Cluster{Name: c.Name, Labels: c.Labels, World: c.Name})
			}
		}
		return out, nil
	}
	f, err := scenarios.LoadFleet(file)
	if err != nil {
		return nil, malformed("docs/fleet.md describes the file", "--fleet: %w", err)
	}
	if len(f.Spec.Clusters) == 0 {
		return nil, malformed("list them under spec.clusters, with name and labels", "--fleet: %s names no clusters", file)
	}
	out := slices.Clone(f.Spec.Clusters)
	for i := range out {
		named := out[i].World != ""
		if !named {
			out[i].World = out[i].Name
		}
		if named && opt.Capture != nil && opt.Capture.World(out[i].World) == nil {
			return nil, malformed("name one of the capture's clusters as world", "--fleet: cluster %s: the capture has no cluster %q", out[i].Name, out[i].World)
		}
	}
	return out, nil
}

// worldsOfMembers finds captured clusters for the hub's MemberClusters.
func (a *Asked) worldsOfMembers(c *capture.Capture, installed func(*capture.World) *policy.Set) {
	if c == nil {
		return
	}
	for _, m := range a.After.Members {
		world := c.World(m.Name)
		if world == nil || a.Worlds[m.Name] != "" {
			continue
		}
		a.Worlds[m.Name] = m.Name
		if installed != nil {
			a.Installed[m.Name] = installed(world)
		}
	}
}

// conflicts says where two sources contradict each other.
func conflicts(all map[string][]said, c *capture.Capture, clusters []scenarios.Cluster) error {
	if c != nil && len(clusters) > 0 {
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
