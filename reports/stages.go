package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/placement"
)

// Stage is a stage of a hub change and what it changes, compared with the stage before, on
// the clusters that it changes.
type Stage struct {
	Number    int           `json:"number"` // as seatrial plan numbers them
	Name      string        `json:"name"`
	Placement string        `json:"placement,omitempty"`
	Run       string        `json:"run,omitempty"`
	At        time.Duration `json:"at"`              // nanoseconds since the hub objects changed, at the earliest
	Needs     []string      `json:"needs,omitempty"` // what must happen first: an approval, a rollout that something else starts
	Clusters  []string      `json:"clusters"`        // where policies or exceptions change
	// NotCaptured are those of the clusters that nothing of the capture stands for: what
	// the stage does there was not judged.
	NotCaptured []string `json:"notCaptured,omitempty"`
	Requests    Counts   `json:"requests"`        // changed requests by class
	Workloads   Counts   `json:"workloads"`       // changed workloads by class
	Bites       []string `json:"bites,omitempty"` // clusters with newly denied workloads, those with the most first
	Worst       []Group  `json:"worst,omitempty"` // namespaces with newly denied workloads, worst first; at most 5
}

// StageInput is a stage with what was measured.
type StageInput struct {
	Stage       placement.Stage
	Number      int
	Clusters    []string
	NotCaptured []string
	Radius      *blast.Radius // nil: nothing was judged
}

const worstNamespaces = 5

func stagesOf(in []StageInput) (out []Stage) {
	for _, s := range in {
		stage := Stage{
			Number: s.Number, Name: s.Stage.Name, Placement: s.Stage.Placement, Run: s.Stage.Run, At: s.Stage.At, Needs: s.Stage.Needs,
			Clusters: orEmpty(s.Clusters), NotCaptured: s.NotCaptured, Requests: Counts{}, Workloads: Counts{},
		}
		if s.Radius != nil {
			stage.Requests, stage.Workloads = s.Radius.Requested, s.Radius.Owned
			stage.Bites, stage.Worst = bitten(s.Radius), worstOf(s.Radius)
		}
		out = append(out, stage)
	}
	return out
}

func bitten(r *blast.Radius) (names []string) {
	clusters := slices.DeleteFunc(slices.Clone(r.Clusters), func(c *blast.Cluster) bool { return c.Owned[NewlyDenied] == 0 })
	slices.SortStableFunc(clusters, func(a, b *blast.Cluster) int { return cmp.Compare(b.Owned[NewlyDenied], a.Owned[NewlyDenied]) })
	for _, c := range clusters {
		names = append(names, c.Name)
	}
	return names
}

func worstOf(r *blast.Radius) (out []Group) {
	for _, c := range r.Clusters {
		for _, n := range c.Namespaces {
			if n.Owned[NewlyDenied] > 0 {
				out = append(out, Group{Cluster: c.Name, Namespace: n.Name, WorkloadsTotal: n.Workloads, ChangedRequests: n.Requested, Workloads: n.Owned})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Workloads[NewlyDenied], a.Workloads[NewlyDenied]), cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace))
	})
	return out[:min(len(out), worstNamespaces)]
}

// bitesFirst says which stage newly denies first, and where: "stage 2 of 4 (canary) bites
// first: 3 workloads in staging". It is empty when no stage does.
func bitesFirst(stages []Stage) string {
	for i := range stages {
		s := &stages[i]
		n := s.Workloads[NewlyDenied]
		if n == 0 {
			continue
		}
		where := strings.Join(s.Bites, ", ")
		if len(s.Bites) > 3 {
			where = Count(len(s.Bites), "cluster")
		}
		return fmt.Sprintf("stage %d of %d (%s) bites first: %s in %s", s.Number, stages[len(stages)-1].Number, s.Name, Count(n, "workload"), where)
	}
	return ""
}
