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

// Pods are the controllers that run in pods of a cluster. The zero value: none does.
type Pods struct {
	Components []cluster.Component
	AsWritten  bool // the manifest is a user's own, with the exceptions that they allow
}

// Install creates what a manifest, a file, holds: without what needs nodes, or with the
// Deployments of the components that run in pods, and every Service. The release's manifest
// allows no exceptions; they are allowed here, as beside a cluster. The definitions lose their descriptions, which are nine tenths of their size and change no answer;
// every API server would parse and publish them.
func Install(ctx context.Context, cfg *rest.Config, manifest string, pods Pods) error {
	objects, err := readManifest(manifest, pods)
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
		for try := 0; ; try++ { // a busy API server needs more than its own half minute for a definition
			_, err = client.Resource(m.Resource).Namespace(o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{})
			if try == tries || !apierrors.IsTimeout(err) && !apierrors.IsServerTimeout(err) && !apierrors.IsTooManyRequests(err) {
				break
			}
		}
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

// tries is how often an object is sent again that timed out.
const tries = 4

func readManifest(path string, pods Pods) ([]*unstructured.Unstructured, error) {
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
			if len(pods.Components) > 0 {
				objects = append(objects, o)
			}
		case "Deployment":
			at := slices.IndexFunc(pods.Components, func(c cluster.Component) bool { return Account(c) == o.GetName() })
			if at < 0 {
				continue
			}
			if !pods.AsWritten && pods.Components[at] != cluster.KyvernoCleanup {
				allowExceptions(o)
			}
			objects = append(objects, o)
		case "CustomResourceDefinition":
			o.Object["spec"] = withoutDescriptions(o.Object["spec"])
			objects = append(objects, o)
		default:
			objects = append(objects, o)
		}
	}
}

// allowExceptions changes the arguments of a Deployment's containers that say no.
func allowExceptions(o *unstructured.Unstructured) {
	list, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	for _, x := range list {
		container, _ := x.(map[string]any)
		args, _ := container["args"].([]any)
		no := slices.Index(args, any("--enablePolicyException=false"))
		if no < 0 {
			continue
		}
		args = slices.Delete(args, no, no+1)
		for _, a := range exceptions {
			args = append(args, a)
		}
		container["args"] = args
	}
	_ = unstructured.SetNestedSlice(o.Object, list, "spec", "template", "spec", "containers") // read from there
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
