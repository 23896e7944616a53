package rollout

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Of a policy that is not for admission Kyverno says nothing of webhooks.
func TestWhenAPolicyIsReady(t *testing.T) {
	condition := func(kind, status string) any { return map[string]any{"type": kind, "status": status} }
	for reason, test := range map[string]struct {
		spec       map[string]any
		conditions []any
		want       bool
	}{
		"all hold":                   {nil, []any{condition("WebhookConfigured", "True"), condition("PolicyCached", "True")}, true},
		"one does not hold":          {nil, []any{condition("WebhookConfigured", "False"), condition("PolicyCached", "True")}, false},
		"its webhook is not said of": {nil, []any{condition("RBACPermissionsGranted", "True")}, false},
		"it has no webhook": {
			map[string]any{"evaluation": map[string]any{"admission": map[string]any{"enabled": false}}}, []any{condition("RBACPermissionsGranted", "False")}, true,
		},
		"nobody has looked at it": {map[string]any{"evaluation": map[string]any{"admission": map[string]any{"enabled": false}}}, nil, false},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{
			"spec": test.spec, "status": map[string]any{"conditionStatus": map[string]any{"conditions": test.conditions}},
		}}
		if got := isReady(o); got != test.want {
			t.Errorf("%s: %v", reason, got)
		}
	}
}
