package admission

import (
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// Bindings are the bindings that every API server makes for itself.
func Bindings() (clusters []*rbacv1.ClusterRoleBinding, namespaced []*rbacv1.RoleBinding) {
	for _, b := range append(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()...) {
		clusters = append(clusters, &b)
	}
	own := bootstrappolicy.NamespaceRoleBindings()
	for _, namespace := range slices.Sorted(maps.Keys(own)) {
		for _, b := range own[namespace] {
			namespaced = append(namespaced, &b)
		}
	}
	return clusters, namespaced
}
