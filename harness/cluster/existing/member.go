package existing

import (
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
)

// member is one cluster. It implements [cluster.Cluster].
type member struct {
	spec   cluster.Spec
	fleet  string // the label's value, see Provider.fleet
	config *clientcmdapi.Config
}

func (c *member) Name() string       { return c.spec.Name }
func (c *member) Spec() cluster.Spec { return c.spec }

// warning is what a person agrees to.
func (c *member) warning() string {
	return fmt.Sprintf("context %s at %s: policies of the rehearsal are written there, with the labels %s, and removed at the end; while one is in Enforce, everybody's requests are judged by it",
		c.spec.Context, c.config.Clusters[c.Name()].Server, selector(c.fleet))
}

// REST reaches the cluster through the guard.
func (c *member) REST() *rest.Config {
	cfg, err := clientcmd.NewDefaultClientConfig(*c.config, nil).ClientConfig()
	if err != nil { // only of a kubeconfig that fromKubeconfig would not have taken
		return &rest.Config{Host: "https://" + c.Name() + ".invalid"}
	}
	cfg.UserAgent, cfg.WarningHandler = "seatrial", rest.NoWarnings{}
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return guard{next, c.fleet} })
	return cfg
}

// Kubeconfig is the user's own, without the guard.
func (c *member) Kubeconfig() ([]byte, error) { return clientcmd.Write(*c.config) }

func (c *member) Stop(context.Context, cluster.Component) error  { return c.unsupported() }
func (c *member) Start(context.Context, cluster.Component) error { return c.unsupported() }

func (c *member) unsupported() error {
	return fmt.Errorf("cluster %s exists already: its components are left alone: %w", c.Name(), cluster.ErrUnsupported)
}

func (c *member) Logs(cluster.Component, int64) ([]byte, error) { return nil, c.unsupported() }

func (c *member) Status(ctx context.Context) cluster.Status {
	s := cluster.Status{Name: c.Name(), Ready: true}
	part := cluster.Part{Component: cluster.Kyverno, Address: c.config.Clusters[c.Name()].Server, Running: true}
	if err := kyverno.Canary(ctx, c.REST()); err != nil {
		s.Ready, part.Running, part.Error = false, false, err.Error()
	}
	s.Parts = []cluster.Part{part}
	return s
}

// clean deletes every policy that has the labels.
func (c *member) clean(ctx context.Context) error {
	cfg := c.REST()
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	lists, err := disco.ServerPreferredResources()
	if lists == nil {
		return err
	}
	for _, l := range lists { // groups that do not answer have nothing of ours: only policies are written
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil || !ours(gv.Group) {
			continue
		}
		for _, r := range l.APIResources {
			if err := c.cleanKind(ctx, client.Resource(gv.WithResource(r.Name)), r); err != nil {
				return fmt.Errorf("%s: %w", r.Kind, err)
			}
		}
	}
	return nil
}

func (c *member) cleanKind(ctx context.Context, client dynamic.NamespaceableResourceInterface, r metav1.APIResource) error {
	found, err := client.List(ctx, metav1.ListOptions{LabelSelector: selector(c.fleet)})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, o := range found.Items {
		var one dynamic.ResourceInterface = client
		if r.Namespaced {
			one = client.Namespace(o.GetNamespace())
		}
		if err := one.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
