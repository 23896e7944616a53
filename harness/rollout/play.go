package rollout

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/cluster"
)

// playWorkloads lets nodes that run pods play those of a world.
func playWorkloads(ctx context.Context, c cluster.Cluster, objects []*unstructured.Unstructured) error {
	p, ok := c.(cluster.WorkloadPlayer)
	if !ok {
		return nil
	}
	images := map[string]bool{}
	for _, o := range objects {
		for _, path := range [][]string{{"spec"}, {"spec", "template", "spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}} {
			for _, field := range []string{"containers", "initContainers"} {
				list, _, _ := unstructured.NestedSlice(o.Object, append(slices.Clone(path), field)...)
				for _, x := range list {
					container, _ := x.(map[string]any)
					if image, _ := container["image"].(string); image != "" {
						images[image] = true
					}
				}
			}
		}
	}
	return p.PlayWorkloads(ctx, slices.Sorted(maps.Keys(images)))
}
