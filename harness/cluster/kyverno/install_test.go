package kyverno

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/cluster"
)

func TestReadManifest(t *testing.T) {
	objects, err := readManifest("testdata/manifest.yaml", Pods{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.GetKind()+" "+o.GetName())
	}
	want := []string{"CustomResourceDefinition boats.example.com", "ConfigMap kyverno"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	schema := map[string]any{
		"type": "object",
		"properties": map[string]any{
			"description": map[string]any{"type": "string"},
			"hull":        map[string]any{"type": "string"},
		},
	}
	if diff := cmp.Diff(schema, objects[0].Object["spec"].(map[string]any)["schema"]); diff != "" {
		t.Errorf("descriptions go, properties of that name stay: %s", diff)
	}
	if d := objects[1].Object["data"].(map[string]any)["description"]; d != "stays" {
		t.Errorf("only definitions lose theirs: %v", d)
	}
	if _, err := readManifest("testdata/none.yaml", Pods{}); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestExceptionsInPods(t *testing.T) {
	args := func(pods Pods) any {
		t.Helper()
		objects, err := readManifest("testdata/pods.yaml", pods)
		if err != nil || len(objects) != 1 {
			t.Fatalf("got %v, %v", objects, err)
		}
		list, _, _ := unstructured.NestedSlice(objects[0].Object, "spec", "template", "spec", "containers")
		return list[0].(map[string]any)["args"]
	}
	admission := Pods{Components: []cluster.Component{cluster.Kyverno}}
	if diff := cmp.Diff([]any{"--v=2", "--last", "--enablePolicyException=true", "--exceptionNamespace=*"}, args(admission)); diff != "" {
		t.Errorf("the release's are allowed: %s", diff)
	}
	admission.AsWritten = true
	if diff := cmp.Diff([]any{"--v=2", "--enablePolicyException=false", "--last"}, args(admission)); diff != "" {
		t.Errorf("a user's own manifest is theirs: %s", diff)
	}
}

func TestAggregated(t *testing.T) {
	rules := []rbacv1.PolicyRule{{Verbs: []string{"get"}}}
	role := func(name string, collects bool, rules []rbacv1.PolicyRule) rbacv1.ClusterRole {
		r := rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
		if collects {
			r.AggregationRule = &rbacv1.AggregationRule{}
		}
		return r
	}
	for _, test := range []struct {
		reason string
		role   rbacv1.ClusterRole
		want   bool
	}{
		{"has its rules", role("view", true, rules), true},
		{"still empty", role("view", true, nil), false},
		{"empty, and collects nothing", role("view", false, nil), true},
		{"nothing is labelled for it", role("kyverno:rbac:view", true, nil), true},
	} {
		if got := aggregated([]rbacv1.ClusterRole{role("edit", true, rules), test.role}); got != test.want {
			t.Errorf("%s: got %v", test.reason, got)
		}
	}
}
