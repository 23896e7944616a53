package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/placement"
)

// Runs are the hub's staged update runs as they stand, by name.
func (k *KubeFleet) Runs(ctx context.Context) ([]timeline.Run, error) {
	var out []timeline.Run
	for _, resource := range []string{"clusterstagedupdateruns", "stagedupdateruns"} {
		list, err := k.hub.Dynamic.Resource(fleetResource(resource)).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("hub: %s: %w", resource, err)
		}
		for i := range list.Items {
			out = append(out, runOf(&list.Items[i]))
		}
	}
	slices.SortFunc(out, func(a, b timeline.Run) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func runOf(o *unstructured.Unstructured) timeline.Run {
	placed, _, _ := unstructured.NestedString(o.Object, "spec", "placementName")
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	r := timeline.Run{Name: name, Placement: placed, State: "waiting"} // not yet begun
	for _, kind := range []string{"Succeeded", "Progressing", "Initialized"} {
		if c := conditionOf(o.Object, kind); c != nil {
			r.Reason, _ = c["reason"].(string)
			r.Message, _ = c["message"].(string)
			r.State = runState(placement.Condition{Status: fmt.Sprint(c["status"]), Reason: r.Reason})
			break
		}
	}
	return r
}

// PlannedRuns are the runs of a plan as they stand at its end, by name.
func PlannedRuns(p *placement.Plan) []timeline.Run {
	var out []timeline.Run
	for _, placed := range p.Placements {
		for _, r := range placed.Runs {
			out = append(out, timeline.Run{Name: r.Name, Placement: placed.Name, State: runState(r.Condition), Reason: r.Condition.Reason, Message: r.Condition.Message})
		}
	}
	slices.SortStableFunc(out, func(a, b timeline.Run) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// runState is a run's latest condition in a word, by KubeFleet's reasons.
func runState(c placement.Condition) string {
	reason := strings.TrimPrefix(c.Reason, "UpdateRun")
	switch {
	case reason == "Succeeded":
		return "succeeded"
	case strings.HasSuffix(reason, "Failed"):
		return "failed"
	case strings.HasPrefix(reason, "Stop"):
		return "stopped"
	case reason == "Progressing" || reason == "Stuck":
		return "running"
	}
	return "waiting"
}
