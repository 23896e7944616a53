package hub

import (
	"math"
	"time"

	"github.com/seatrial/seatrial/simulator/placement"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// shorten divides the waits that an object of the hub asks for: the timed waits of stages,
// and the time until a member with the new resources counts as available. A wait takes a
// second at least; by is 0 where nothing is to be waited for. Waits that nobody can read
// stay, for KubeFleet to say so.
func shorten(o *unstructured.Unstructured, by float64) {
	switch o.GetKind() {
	case "ClusterStagedUpdateStrategy", "StagedUpdateStrategy":
		stages, _, _ := unstructured.NestedSlice(o.Object, "spec", "stages")
		for _, stage := range stages {
			stage, _ := stage.(map[string]any)
			tasks, _ := stage["afterStageTasks"].([]any)
			for _, task := range tasks {
				task, _ := task.(map[string]any)
				said, _ := task["waitTime"].(string)
				if wait, err := time.ParseDuration(said); err == nil {
					task["waitTime"] = (time.Duration(divided(wait.Seconds(), by)) * time.Second).String()
				}
			}
		}
		if len(stages) > 0 {
			_ = unstructured.SetNestedSlice(o.Object, stages, "spec", "stages")
		}
	case "ClusterResourcePlacement", "ResourcePlacement":
		if kind, _, _ := unstructured.NestedString(o.Object, "spec", "strategy", "type"); kind != "" && kind != "RollingUpdate" {
			return
		}
		seconds, found, err := unstructured.NestedInt64(o.Object, "spec", "strategy", "rollingUpdate", "unavailablePeriodSeconds")
		if err != nil {
			return
		}
		if !found {
			seconds = int64(placement.DefaultUnavailablePeriod / time.Second)
		}
		_ = unstructured.SetNestedField(o.Object, divided(float64(seconds), by), "spec", "strategy", "rollingUpdate", "unavailablePeriodSeconds")
	}
}

func divided(seconds, by float64) int64 {
	switch {
	case seconds <= 0:
		return 0
	case by == 0:
		return 1
	}
	return max(1, int64(math.Ceil(seconds/by)))
}
