package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/scenarios"
)

// A Fault is one of a scenario with the clusters that it hits.
type Fault struct {
	scenarios.Fault
	Index    int      // in the scenario, from 0
	Clusters []string // that it hits, in fleet order; none for a hub's
}

// Draw says which clusters each fault hits. The same seed draws the same clusters,
// whatever the other faults are.
func Draw(list []scenarios.Fault, fleet []scenarios.Cluster, seed uint64) ([]Fault, error) {
	var out []Fault
	for i, f := range list {
		drawn := Fault{Fault: f, Index: i}
		if f.Stop != "" && f.Stop != scenarios.StopHub {
			for _, c := range f.Clusters.Picks(fleet) {
				drawn.Clusters = append(drawn.Clusters, c.Name)
			}
			if len(drawn.Clusters) == 0 || len(drawn.Clusters) < f.Draw {
				return nil, fmt.Errorf("%w: faults[%d]: %d clusters of the fleet are picked, want %d", scenarios.ErrInvalid, i, len(drawn.Clusters), max(f.Draw, 1))
			}
			drawn.Clusters = some(drawn.Clusters, f.Draw, seed, uint64(i))
		}
		out = append(out, drawn)
	}
	return out, nil
}

// some draws n of the names and keeps their order; 0 keeps all.
func some(names []string, n int, seed, stream uint64) []string {
	if n <= 0 || n >= len(names) {
		return names
	}
	picked := rand.New(rand.NewPCG(seed, stream)).Perm(len(names))[:n]
	slices.Sort(picked)
	out := make([]string, n)
	for i, at := range picked {
		out[i] = names[at]
	}
	return out
}

// What is the fault in words: "kyverno stopped", "event: staging leaves".
func (f *Fault) What() string {
	switch {
	case f.Stop != "":
		return f.Stop + " stopped"
	case f.Event != "":
		return "event: " + f.Event
	}
	return "applied " + f.Apply
}

// When is where in the rollout it happens, in words: "before canary", "30m after the change".
func (f *Fault) When() string {
	if f.Timed() {
		return f.Event[strings.LastIndex(f.Event, "@")+1:] + " after the change"
	}
	if f.Before != "" {
		return "before " + f.Before
	}
	return "after " + f.After
}

// Happens says whether the fault happens at a stage that goes by any of the names.
func (f *Fault) Happens(before bool, names ...string) bool {
	if before {
		return f.Before != "" && slices.Contains(names, f.Before)
	}
	return f.After != "" && slices.Contains(names, f.After)
}

// Unmatched says which stages faults name that are none of the rollout's.
func Unmatched(list []Fault, names []string) error {
	for _, f := range list {
		for _, at := range []struct{ field, stage string }{{"before", f.Before}, {"after", f.After}, {"until", f.Until}} {
			if at.stage != "" && !slices.Contains(names, at.stage) {
				return fmt.Errorf("%w: faults[%d].%s: the rollout has no stage %q (it has %s)", scenarios.ErrInvalid, f.Index, at.field, at.stage, strings.Join(names, ", "))
			}
		}
	}
	return nil
}
