package objects

import (
	"context"
	"fmt"
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/seatrial/seatrial/simulator/admission"
)

// aggregator is the name under which a cluster's own controller writes what Aggregate does.
const aggregator = "clusterrole-aggregation-controller"

// Aggregate fills in the ClusterRoles that have an aggregation rule, as the controller of a
// cluster that runs kube-controller-manager does; embedded clusters have none unless they are
// asked to. Put and Remove do it themselves.
func (c *Client) Aggregate(ctx context.Context) error {
	c.aggregating.Lock()
	defer c.aggregating.Unlock()
	resource := c.Dynamic.Resource(rbacv1.SchemeGroupVersion.WithResource("clusterroles"))
	list, err := resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the ClusterRoles: %w", err)
	}
	roles := map[string]*rbacv1.ClusterRole{}
	for i := range list.Items {
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, role); err != nil {
			return err
		}
		roles[role.Name] = role
	}
	rules := admission.Aggregated(roles)
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if equality.Semantic.DeepEqual(rules[name], roles[name].Rules) {
			continue
		}
		with := &rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: clusterRole}, ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules[name]}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(with)
		if err != nil {
			return err
		}
		if _, err := resource.Apply(ctx, name, &unstructured.Unstructured{Object: content}, metav1.ApplyOptions{FieldManager: aggregator, Force: true}); err != nil {
			return fmt.Errorf("fill in ClusterRole %s: %w", name, err)
		}
	}
	return nil
}

const clusterRole = "ClusterRole"

// aggregates tells whether a change of the object may change what other roles collect.
func aggregates(o *unstructured.Unstructured) bool {
	return o.GroupVersionKind().GroupKind() == rbacv1.SchemeGroupVersion.WithKind(clusterRole).GroupKind()
}
