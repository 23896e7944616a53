package kyverno

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Install creates what the release's manifest, a file, holds: without what needs nodes, or with
// the Deployments of the components, which then run in the cluster, and every Service. The
// definitions lose their descriptions, which are nine tenths of their size and change no answer;
// every API server would parse and publish them.
func Install(ctx context.Context, cfg *rest.Config, manifest string, inCluster ...cluster.Component) error {
	objects, err := readManifest(manifest, inCluster)
	if err != nil {
		return err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return err
	}
	groups, err := restmapper.GetAPIGroupResources(disco)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	create := func(o *unstructured.Unstructured) error {
		m, err := mapper.RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
		if err != nil {
			return err
		}
		_, err = client.Resource(m.Resource).Namespace(o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
		return nil
	}
	ns := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "kyverno"}}}
	if err := create(ns); err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(8)
	for _, o := range objects {
		g.Go(func() error { return create(o) })
	}
	return g.Wait()
}

func readManifest(path string, inCluster []cluster.Component) ([]*unstructured.Unstructured, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var objects []*unstructured.Unstructured
	docs := yaml.NewYAMLOrJSONDecoder(bufio.NewReader(f), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := docs.Decode(&o.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		switch o.GetKind() {
		case "", "Namespace":
		case "Service":
			if len(inCluster) > 0 {
				objects = append(objects, o)
			}
		case "Deployment":
			if slices.ContainsFunc(inCluster, func(c cluster.Component) bool { return Account(c) == o.GetName() }) {
				objects = append(objects, o)
			}
		case "CustomResourceDefinition":
			o.Object["spec"] = withoutDescriptions(o.Object["spec"])
			objects = append(objects, o)
		default:
			objects = append(objects, o)
		}
	}
}

// withoutDescriptions drops the descriptions of a schema, not the properties of that name.
func withoutDescriptions(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if _, text := x.(string); k == "description" && text {
				delete(v, k)
				continue
			}
			v[k] = withoutDescriptions(x)
		}
	case []any:
		for i := range v {
			v[i] = withoutDescriptions(v[i])
		}
	}
	return v
}

// AwaitRoles waits until the roles that collect others have their rules.
func AwaitRoles(ctx context.Context, cfg *rest.Config) error {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("cluster roles are not aggregated after a minute"))
	defer cancel()
	for {
		roles, err := client.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{})
		if err == nil && aggregated(roles.Items) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func aggregated(roles []rbacv1.ClusterRole) bool {
	for _, r := range roles {
		if r.AggregationRule != nil && len(r.Rules) == 0 && r.Name != "kyverno:rbac:view" {
			return false
		}
	}
	return true
}
