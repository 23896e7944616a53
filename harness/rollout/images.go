package rollout

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/cluster"
)

// playImages lets nodes that run pods and cannot pull play the images of a world.
func playImages(ctx context.Context, c cluster.Cluster, objects []*unstructured.Unstructured) error {
	p, ok := c.(cluster.ImagePlayer)
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
	return p.PlayImages(ctx, slices.Sorted(maps.Keys(images)))
}
