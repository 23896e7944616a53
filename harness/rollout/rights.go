package rollout

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// rights adds Kyverno's roles and bindings in the cluster to the replay's view of it: they
// decide about policies that generate, or change what exists.
func (c *comparison) rights(ctx context.Context, l *live) error {
	objects := l.World.Objects(func(string, string) bool { return true })
	for _, resource := range []string{"clusterroles", "clusterrolebindings", "roles", "rolebindings"} {
		gvr := schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}
		found, err := l.client.Dynamic.Resource(gvr).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/part-of=kyverno"})
		if err != nil {
			return fmt.Errorf("list the %s of Kyverno: %w", resource, err)
		}
		for i := range found.Items {
			raw, err := found.Items[i].MarshalJSON()
			if err != nil {
				return err
			}
			objects = append(objects, &capture.WorldObject{Cluster: l.World.Cluster.Name, Object: raw})
		}
	}
	world, err := capture.NewWorld(l.World.Cluster, objects...)
	if err != nil {
		return err
	}
	l.World = world
	return nil
}
