package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// placements is the resource of a group at the version that the driver reads.
func fleetResource(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: placementGroup, Version: "v1beta1", Resource: resource}
}

// Deliver waits until the agents have brought the object to the member. What KubeFleet
// says meanwhile is told when they have not; it is no proof when they have.
func (k *KubeFleet) Deliver(ctx context.Context, member string, c Change, patience time.Duration) error {
	m := k.members[member]
	if m == nil {
		return fmt.Errorf("%s is no member", member)
	}
	err := retry(ctx, patience, 100*time.Millisecond, func(ctx context.Context) error {
		if d := look(ctx, m, c); d != nil {
			return d
		}
		return nil
	})
	if err == nil {
		return nil
	}
	if why := k.works(context.WithoutCancel(ctx), member); why != "" {
		err = errors.Join(err, errors.New("KubeFleet says: "+why))
	}
	return err
}

// works is what the Works and bindings of a member say that is not well.
func (k *KubeFleet) works(ctx context.Context, member string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var said []string
	for _, from := range []struct {
		resource, namespace string
		mine                func(*unstructured.Unstructured) bool
		conditions          []string
	}{
		{"works", "fleet-member-" + member, func(*unstructured.Unstructured) bool { return true }, []string{"Applied", "Available"}},
		{"clusterresourcebindings", "", func(b *unstructured.Unstructured) bool {
			cluster, _, _ := unstructured.NestedString(b.Object, "spec", "targetCluster")
			return cluster == member
		}, []string{"RolloutStarted", "Overridden", "WorkSynchronized", "Applied"}},
	} {
		list, err := k.hub.Dynamic.Resource(fleetResource(from.resource)).Namespace(from.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			said = append(said, fmt.Sprintf("%s: %v", from.resource, err))
			continue
		}
		for i := range list.Items {
			if from.mine(&list.Items[i]) {
				said = append(said, unwell(&list.Items[i], from.conditions)...)
			}
		}
	}
	return strings.Join(said, "; ")
}

// unwell are the conditions of those that are not True, with reason and message.
func unwell(o *unstructured.Unstructured, conditions []string) (out []string) {
	for _, name := range conditions {
		if c := conditionOf(o.Object, name); c != nil && c["status"] != "True" {
			out = append(out, fmt.Sprintf("%s %s: %s=%v %v: %v", o.GetKind(), o.GetName(), name, c["status"], c["reason"], c["message"]))
		}
	}
	return out
}
