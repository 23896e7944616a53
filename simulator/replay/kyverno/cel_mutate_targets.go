package kyverno

import (
	"context"
	"fmt"
	"slices"
	"strings"

	mpolengine "github.com/kyverno/kyverno/pkg/cel/policies/mpol/engine"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// find returns the objects that the policy may change: those that its expression returns,
// or those of the resources that it names.
func (u *mutatingExisting) find(ctx context.Context, req *request, body *celBody, one *instance[[]mpolengine.Policy]) ([]mpolTarget, error) {
	wanted := u.typed.GetTargetMatchConstraints()
	if wanted.Expression != "" {
		return u.findByExpression(ctx, req, body, one)
	}
	constraints := u.typed.GetMatchConstraints()
	if len(wanted.ResourceRules) > 0 {
		constraints = wanted.MatchResources
	}
	selector, err := asSelector(constraints.ObjectSelector)
	if err != nil {
		return nil, err
	}
	namespaces, err := u.targetNamespaces(req, constraints)
	if err != nil {
		return nil, nil // a miss is recorded
	}
	var found []mpolTarget
	for _, rule := range constraints.ResourceRules {
		for _, resource := range resourcesOf(rule) {
			for _, namespace := range namespaces {
				found = append(found, u.list(req, resource, namespace, selector, rule.ResourceNames)...)
			}
		}
	}
	return found, nil
}

// list returns the targets of one resource. What cannot be known is a miss of the request.
func (u *mutatingExisting) list(req *request, resource mpolTarget, namespace string, selector labels.Selector, names []string) []mpolTarget {
	if strings.ContainsAny(resource.resource.String(), "*?") {
		_ = client{req: req}.unknown("targets "+resource.resource.String(), "wildcards in the resource of a target are not resolved offline")
		return nil
	}
	kind, ok := req.look.kindFor(resource.resource)
	if !ok {
		if req.env.mocks == nil {
			_ = client{req: req}.unknown("the kind of "+resource.resource.String(), "capture its CustomResourceDefinition")
		}
		return nil
	}
	if kind.Kind == "Namespace" {
		namespace = ""
	}
	objects, err := client{req: req}.list(resource.resource, namespace, selector)
	if err != nil {
		return nil
	}
	var found []mpolTarget
	for _, content := range objects {
		object := unstructured.Unstructured{Object: content}
		if len(names) > 0 && !slices.Contains(names, object.GetName()) {
			continue
		}
		found = append(found, mpolTarget{object, resource.resource, resource.sub})
	}
	return found
}

func resourcesOf(rule admissionregistrationv1.NamedRuleWithOperations) []mpolTarget {
	var all []mpolTarget
	for _, group := range rule.APIGroups {
		for _, version := range rule.APIVersions {
			for _, resource := range rule.Resources {
				base, sub, _ := strings.Cut(resource, "/")
				all = append(all, mpolTarget{resource: schema.GroupVersionResource{Group: group, Version: version, Resource: base}, sub: sub})
			}
		}
	}
	return all
}

// targetNamespaces returns where targets are looked for; "" is everywhere.
func (u *mutatingExisting) targetNamespaces(req *request, constraints admissionregistrationv1.MatchResources) ([]string, error) {
	if u.namespaced {
		return []string{u.name.Namespace}, nil
	}
	if s := constraints.NamespaceSelector; s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		return []string{""}, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(constraints.NamespaceSelector)
	if err != nil {
		return nil, err
	}
	objects, err := client{req: req}.list(namespaces, "", selector)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, object := range objects {
		names = append(names, (&unstructured.Unstructured{Object: object}).GetName())
	}
	return names, nil
}

func (u *mutatingExisting) findByExpression(ctx context.Context, req *request, body *celBody, one *instance[[]mpolengine.Policy]) ([]mpolTarget, error) {
	result, err := one.compiled[0].CompiledPolicy.EvaluateTargetExpression(ctx, body.attr, &req.adm, nil)
	if err != nil || result == nil {
		return nil, err
	}
	items, isList := result["items"].([]any)
	if !isList {
		items = []any{result}
	}
	var found []mpolTarget
	for _, item := range items {
		content, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("item is not a valid Kubernetes object: %#v", item)
		}
		object := unstructured.Unstructured{Object: content}
		resource, err := client{req: req}.resource(object.GetAPIVersion(), object.GetKind())
		if err != nil {
			return nil, nil // a miss is recorded
		}
		found = append(found, mpolTarget{object: object, resource: resource})
	}
	return found, nil
}
