package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Roles collect those that they select, also through others that collect, each rule once.
func TestAggregated(t *testing.T) {
	rule := func(verb string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{verb}}
	}
	role := func(name, selects string, labels map[string]string, verbs ...string) *rbacv1.ClusterRole {
		r := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
		for _, v := range verbs {
			r.Rules = append(r.Rules, rule(v))
		}
		if selects != "" {
			r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"to": selects}}}}
		}
		return r
	}
	roles := map[string]*rbacv1.ClusterRole{}
	for _, r := range []*rbacv1.ClusterRole{
		role("all", "all", nil, "stale"),
		role("some", "some", map[string]string{"to": "all"}),
		role("z", "", map[string]string{"to": "some"}, "list", "get"),
		role("b", "", map[string]string{"to": "all"}, "get", "watch"),
		role("partly-captured", "nobody", nil, "get"),
		role("other", "", nil, "delete"),
	} {
		roles[r.Name] = r
	}
	want := map[string][]rbacv1.PolicyRule{
		"all":             {rule("get"), rule("watch"), rule("list")},
		"some":            {rule("list"), rule("get")},
		"partly-captured": {rule("get")},
	}
	if d := cmp.Diff(want, Aggregated(roles)); d != "" {
		t.Error(d)
	}
}
