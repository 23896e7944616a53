package kyverno

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kyverno/kyverno/api/kyverno"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/clients/dclient"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// generateClient is the client of Kyverno's generator. It reads from the capture and
// keeps what it is asked to write. It does not do anything else: the embedded nil
// interface panics, which the pipeline reports as an error of the policy.
type generateClient struct {
	dclient.Interface
	client  client
	rule    *kyvernov1.Rule
	made    []unstructured.Unstructured
	anew    bool // no target is there
	applies bool // what it makes is merged into what is there
}

// GetResource finds clone sources and targets. A target that the capture does not know
// is taken to be absent: the rule would create it, unless it would be merged into it.
func (g *generateClient) GetResource(ctx context.Context, apiVersion, kind, namespace, name string, sub ...string) (*unstructured.Unstructured, error) {
	for i := range g.made {
		if m := &g.made[i]; m.GetKind() == kind && m.GetNamespace() == namespace && m.GetName() == name {
			return m.DeepCopy(), nil
		}
	}
	if g.isSource(namespace, name) {
		return g.client.GetResource(ctx, apiVersion, kind, namespace, name, sub...)
	}
	gvr, _, ok := g.client.req.look.resourceFor(schema.FromAPIVersionAndKind(apiVersion, kind))
	if !ok && g.applies {
		g.client.req.unseen(kind, namespace, name)
	}
	if !ok || g.anew {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: kind}, name)
	}
	object, err := g.client.req.look.get(gvr, namespace, name)
	if g.applies && errors.Is(err, errUnknown) {
		g.client.req.unseen(kind, namespace, name)
	}
	if err != nil {
		return nil, apierrors.NewNotFound(gvr.GroupResource(), name)
	}
	g.compare(object)
	return &unstructured.Unstructured{Object: object}, nil
}

// compare notes that a Secret that is there, and whose values were not read, would be written
// again if they are others. What Kyverno cloned it keeps like its source.
func (g *generateClient) compare(there map[string]any) {
	withheld, _ := capture.Withheld(there)
	labels := (&unstructured.Unstructured{Object: there}).GetLabels()
	cloned := labels[kyverno.LabelAppManagedBy] == kyverno.ValueKyvernoApp && !slices.ContainsFunc(patternsOf(g.rule), func(p kyvernov1.GeneratePattern) bool { return p.RawData != nil })
	if withheld && g.rule.Generation.Synchronize && !cloned {
		g.client.req.unlike(there)
	}
}

// patternsOf are the patterns of all that a rule generates.
func patternsOf(rule *kyvernov1.Rule) []kyvernov1.GeneratePattern {
	patterns := []kyvernov1.GeneratePattern{rule.Generation.GeneratePattern}
	for _, each := range rule.Generation.ForEachGeneration {
		patterns = append(patterns, each.GeneratePattern)
	}
	return patterns
}

func (g *generateClient) isSource(namespace, name string) bool {
	return slices.ContainsFunc(patternsOf(g.rule), func(p kyvernov1.GeneratePattern) bool {
		return p.Clone.Name == name && p.Clone.Namespace == namespace || len(p.CloneList.Kinds) > 0 && p.CloneList.Namespace == namespace
	})
}

func (g *generateClient) ListResource(ctx context.Context, apiVersion, kind, namespace string, selector *metav1.LabelSelector) (*unstructured.UnstructuredList, error) {
	return g.client.ListResource(ctx, apiVersion, kind, namespace, selector)
}

func (g *generateClient) CreateResource(_ context.Context, apiVersion, kind, namespace string, obj any, _ bool) (*unstructured.Unstructured, error) {
	object, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("generate %s %s in %q: unexpected %T", apiVersion, kind, namespace, obj)
	}
	made := object.DeepCopy()
	if namespace != "" {
		made.SetNamespace(namespace)
	}
	g.made = append(g.made, *made)
	return made, nil
}

func (g *generateClient) UpdateResource(ctx context.Context, apiVersion, kind, namespace string, obj any, dry bool, _ ...string) (*unstructured.Unstructured, error) {
	if object, ok := obj.(*unstructured.Unstructured); ok && g.isSource(object.GetNamespace(), object.GetName()) {
		return object, nil // the generator labels its source
	}
	return g.CreateResource(ctx, apiVersion, kind, namespace, obj, dry)
}

func (g *generateClient) ApplyResource(ctx context.Context, apiVersion, kind, namespace, name string, obj any, dry bool, _ string, _ ...string) (*unstructured.Unstructured, error) {
	object, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("generate %s %s in %q: unexpected %T", apiVersion, kind, namespace, obj)
	}
	there, _ := g.GetResource(ctx, apiVersion, kind, namespace, name) // without it, it is made
	merged, err := g.client.req.applied(there, object)
	if err != nil {
		return nil, err
	}
	return g.CreateResource(ctx, apiVersion, kind, namespace, merged, dry)
}
