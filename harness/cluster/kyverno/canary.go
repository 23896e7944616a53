package kyverno

import (
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Canary proves that admission works from end to end: a policy with a variable
// that cannot be, sent as a dry run, must be refused by Kyverno's own webhook.
// Kyverno answers it only with its certificates, its webhook configurations and
// its caches in place.
func Canary(ctx context.Context, cfg *rest.Config) error {
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	policies := schema.GroupVersionResource{Group: "kyverno.io", Version: "v1", Resource: "clusterpolicies"}
	_, err = client.Resource(policies).Create(ctx, canaryPolicy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err == nil:
		return errors.New("Kyverno's webhooks are not registered: a policy that it must refuse was accepted")
	case strings.Contains(err.Error(), `admission webhook "validate-policy.kyverno.svc" denied the request`):
		return nil
	default:
		return fmt.Errorf("canary: %w", err)
	}
}

func canaryPolicy() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy",
		"metadata": map[string]any{"name": "seatrial-canary"},
		"spec": map[string]any{"rules": []any{map[string]any{
			"name":  "canary",
			"match": map[string]any{"any": []any{map[string]any{"resources": map[string]any{"kinds": []any{"Pod"}}}}},
			"validate": map[string]any{
				"message": "never in force",
				"pattern": map[string]any{"metadata": map[string]any{"name": "{{ no(such }}"}},
			},
		}}},
	}}
}
