package admission

import (
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Aggregated are the rules of the ClusterRoles that have an aggregation rule, by name, as the
// cluster's controller fills them in: those of the roles that they select. What selects no
// role keeps the rules that it has.
func Aggregated(roles map[string]*rbacv1.ClusterRole) map[string][]rbacv1.PolicyRule {
	names := slices.Sorted(maps.Keys(roles))
	selected, out := map[string][]string{}, map[string][]rbacv1.PolicyRule{}
	for _, name := range names {
		if rule := roles[name].AggregationRule; rule != nil {
			selected[name], out[name] = selects(roles, names, name, rule.ClusterRoleSelectors), roles[name].Rules
		}
	}
	for range 3 { // a selected role may select others: as many rounds carry every rule home
		for _, name := range slices.Sorted(maps.Keys(selected)) {
			if len(selected[name]) > 0 {
				out[name] = collected(roles, out, selected[name])
			}
		}
	}
	return out
}

// selects are the names of the roles, but for name, that one of the selectors selects, in
// their order.
func selects(roles map[string]*rbacv1.ClusterRole, names []string, name string, selectors []metav1.LabelSelector) (out []string) {
	for _, s := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		if err != nil {
			continue
		}
		for _, other := range names {
			if other != name && selector.Matches(labels.Set(roles[other].Labels)) {
				out = append(out, other)
			}
		}
	}
	return out
}

// collected are the rules of roles, each once.
func collected(roles map[string]*rbacv1.ClusterRole, aggregated map[string][]rbacv1.PolicyRule, names []string) (out []rbacv1.PolicyRule) {
	for _, name := range names {
		rules, ok := aggregated[name]
		if !ok {
			rules = roles[name].Rules
		}
		for _, rule := range rules {
			if !slices.ContainsFunc(out, func(other rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(other, rule) }) {
				out = append(out, rule)
			}
		}
	}
	return out
}
