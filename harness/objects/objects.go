// Package objects reads and writes objects of a live cluster, whatever their kind: a
// [Client] finds the resource of a kind by asking the API server.
package objects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// Manager is the name of our writes.
const Manager = "seatrial"

// A Client reads and writes one cluster's objects.
type Client struct {
	Dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper

	aggregating sync.Mutex
}

// New is a client of the cluster of cfg.
func New(cfg *rest.Config) (*Client, error) {
	d, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{Dynamic: d, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))}, nil
}

// Resource is where objects of o's kind and namespace are.
func (c *Client) Resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := o.GroupVersionKind()
	m, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, err
	}
	if m.Scope.Name() == meta.RESTScopeNameRoot {
		return c.Dynamic.Resource(m.Resource), nil
	}
	return c.Dynamic.Resource(m.Resource).Namespace(cmp.Or(o.GetNamespace(), "default")), nil
}

// Namespaced says whether objects of o's kind are in namespaces.
func (c *Client) Namespaced(o *unstructured.Unstructured) (bool, error) {
	gvk := o.GroupVersionKind()
	m, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return false, err
	}
	return m.Scope.Name() != meta.RESTScopeNameRoot, nil
}

// Get is the object of o's kind, namespace and name; nil when there is none.
func (c *Client) Get(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	r, err := c.Resource(o)
	if meta.IsNoMatchError(err) {
		return nil, nil // a kind that is not served has no objects
	}
	if err != nil {
		return nil, err
	}
	got, err := r.Get(ctx, o.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return got, err
}

// Put writes an object as it is, whoever wrote it before. ClusterRoles that collect its rules
// have them when it returns.
func (c *Client) Put(ctx context.Context, o *unstructured.Unstructured) error {
	if err := c.put(ctx, o, ""); err != nil || !aggregates(o) {
		return err
	}
	return c.Aggregate(ctx)
}

// PutStrictly is Put as kubectl asks for it: fields that the API server does not know are refused.
func (c *Client) PutStrictly(ctx context.Context, o *unstructured.Unstructured) error {
	return c.put(ctx, o, metav1.FieldValidationStrict)
}

func (c *Client) put(ctx context.Context, o *unstructured.Unstructured, validation string) error {
	r, err := c.Resource(o)
	if err != nil {
		return err
	}
	for range 5 { // a controller may write in between
		old, err := r.Get(ctx, o.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = r.Create(ctx, o, metav1.CreateOptions{FieldManager: Manager, FieldValidation: validation})
			return err
		}
		if err != nil {
			return err
		}
		next := o.DeepCopy()
		next.SetResourceVersion(old.GetResourceVersion())
		if _, err = r.Update(ctx, next, metav1.UpdateOptions{FieldManager: Manager, FieldValidation: validation}); !apierrors.IsConflict(err) {
			return err
		}
	}
	return fmt.Errorf("%s %s: somebody else keeps changing it", o.GetKind(), o.GetName())
}

// Apply writes the fields of an object and leaves those of others: finalizers, status.
func (c *Client) Apply(ctx context.Context, o *unstructured.Unstructured) error {
	r, err := c.Resource(o)
	if err != nil {
		return err
	}
	_, err = r.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: Manager, Force: true})
	return err
}

// Create makes an object unless one of its name is there.
func (c *Client) Create(ctx context.Context, o *unstructured.Unstructured) error {
	r, err := c.Resource(o)
	if err != nil {
		return err
	}
	_, err = r.Create(ctx, o, metav1.CreateOptions{FieldManager: Manager})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Remove deletes an object; one that is not there is no error.
func (c *Client) Remove(ctx context.Context, o *unstructured.Unstructured) error {
	r, err := c.Resource(o)
	if err != nil {
		return err
	}
	err = r.Delete(ctx, o.GetName(), metav1.DeleteOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err == nil && aggregates(o):
		return c.Aggregate(ctx)
	}
	return err
}

// Served waits until the kinds of new definitions can be created.
func (c *Client) Served(ctx context.Context, crds []*unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("custom resource definitions are not served after a minute"))
	defer cancel()
	gvr := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	for _, crd := range crds {
		for {
			got, err := c.Dynamic.Resource(gvr).Get(ctx, crd.GetName(), metav1.GetOptions{})
			if apierrors.IsNotFound(err) || err == nil && established(got) {
				break
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	c.mapper.Reset()
	return nil
}

func established(crd *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(x any) bool {
		m, _ := x.(map[string]any)
		return m["type"] == "Established" && m["status"] == "True"
	})
}

// Empty tells whether a decoded value says no more than its absence: null, or a map or a
// list without entries.
func Empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}
