package rollout

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/cluster"
)

// playWorkloads lets nodes that run pods play those of a world, and adds what these cannot start
// without and the capture does not hold.
func playWorkloads(ctx context.Context, c cluster.Cluster, objects []*unstructured.Unstructured, refused *tally) ([]*unstructured.Unstructured, error) {
	p, ok := c.(cluster.WorkloadPlayer)
	if !ok || c.Spec().Kind.Pulled {
		return objects, nil
	}
	images := map[string]bool{}
	for _, o := range objects {
		spec := podOf(o)
		if spec == nil {
			continue
		}
		for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
			if container.Image != "" {
				images[container.Image] = true
			}
		}
	}
	for _, o := range placeholders(objects) {
		refused.add("not captured, and pods need it to start: an empty one stands in", name(o))
		objects = append(objects, o)
	}
	slices.SortStableFunc(objects, byRank)
	return objects, p.PlayWorkloads(ctx, slices.Sorted(maps.Keys(images)))
}

func byRank(a, b *unstructured.Unstructured) int {
	return cmp.Compare(rank(a.GetKind()), rank(b.GetKind()))
}
