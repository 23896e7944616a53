// Package e2eprovider lets tests written with sigs.k8s.io/e2e-framework run on
// seatrial's clusters: [New] makes an E2EClusterProvider of any [cluster.Provider],
// embedded or another, for envfuncs.CreateClusterWithOpts and its like.
package e2eprovider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/e2e-framework/klient"
	"sigs.k8s.io/e2e-framework/support"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Provider is one cluster as e2e-framework sees it.
type Provider struct {
	provider   cluster.Provider
	spec       cluster.Spec
	cluster    cluster.Cluster
	kubeconfig string
}

var _ support.E2EClusterProvider = (*Provider)(nil)

// New returns a provider of one cluster, made by p when Create is called.
func New(p cluster.Provider) *Provider {
	return &Provider{provider: p, spec: cluster.Spec{Name: "e2e"}}
}

// SetDefaults changes nothing.
func (p *Provider) SetDefaults() support.E2EClusterProvider { return p }

// WithName names the cluster.
func (p *Provider) WithName(name string) support.E2EClusterProvider { p.spec.Name = name; return p }

// WithVersion chooses the Kubernetes version, where the provider has more than one.
func (p *Provider) WithVersion(version string) support.E2EClusterProvider {
	p.spec.KubernetesVersion = version
	return p
}

// WithPath changes nothing: programs are found by package binaries.
func (p *Provider) WithPath(string) support.E2EClusterProvider { return p }

// WithOpts applies the options, which may call the other methods.
func (p *Provider) WithOpts(opts ...support.ClusterOpts) support.E2EClusterProvider {
	for _, o := range opts {
		o(p)
	}
	return p
}

// WithComponents says what the cluster runs besides its API server.
func (p *Provider) WithComponents(components ...cluster.Component) *Provider {
	p.spec.Components = components
	return p
}

// Create makes the cluster, unless it is there, and returns the path of a kubeconfig for
// it. It takes no arguments.
func (p *Provider) Create(ctx context.Context, args ...string) (string, error) {
	if len(args) > 0 {
		return "", fmt.Errorf("create cluster %s: arguments %v: %w", p.spec.Name, args, cluster.ErrUnsupported)
	}
	c, err := p.provider.Create(ctx, p.spec)
	if errors.Is(err, cluster.ErrExists) {
		c, err = p.provider.Open(ctx, p.spec.Name)
	}
	if err != nil {
		return "", err
	}
	p.cluster = c
	return p.GenerateKubeconfig()
}

// CreateWithConfig is not supported: a Spec has no file form of its own.
func (p *Provider) CreateWithConfig(context.Context, string) (string, error) {
	return "", fmt.Errorf("create cluster %s from a file: %w", p.spec.Name, cluster.ErrUnsupported)
}

// GetKubeconfig is the path of the kubeconfig, empty before Create.
func (p *Provider) GetKubeconfig() string { return p.kubeconfig }

// GenerateKubeconfig writes the kubeconfig once more, to a temporary file of mode 0600.
func (p *Provider) GenerateKubeconfig(...string) (string, error) {
	if p.cluster == nil {
		return "", cluster.ErrNotFound
	}
	content, err := p.cluster.Kubeconfig()
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp("", "seatrial-kubeconfig-")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	if p.kubeconfig != "" {
		os.Remove(p.kubeconfig)
	}
	p.kubeconfig = f.Name()
	return p.kubeconfig, nil
}

// GetKubectlContext is the cluster's context in the kubeconfig.
func (p *Provider) GetKubectlContext() string { return p.spec.Name }

// ExportLogs writes each component's log into the folder.
func (p *Provider) ExportLogs(_ context.Context, dest string) error {
	if p.cluster == nil {
		return cluster.ErrNotFound
	}
	if err := os.MkdirAll(dest, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, c := range append([]cluster.Component{cluster.APIServer}, p.spec.Parts()...) {
		content, err := p.cluster.Logs(c, 64<<20)
		if err == nil {
			err = os.WriteFile(filepath.Join(dest, string(c)+".log"), content, 0o600)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Destroy removes the cluster, and the fleet's shared parts after the last one.
func (p *Provider) Destroy(ctx context.Context) error {
	if p.kubeconfig != "" {
		os.Remove(p.kubeconfig)
	}
	return errors.Join(p.provider.Delete(ctx, p.spec.Name), p.provider.Close(ctx))
}

// WaitForControlPlane returns at once when the cluster is ready, which it is after Create.
func (p *Provider) WaitForControlPlane(ctx context.Context, _ klient.Client) error {
	if p.cluster == nil {
		return cluster.ErrNotFound
	}
	if s := p.cluster.Status(ctx); !s.Ready {
		return fmt.Errorf("cluster %s is not ready: %+v", p.spec.Name, s.Parts)
	}
	return nil
}

// KubernetesRestConfig is the administrator's way to the cluster; nil before Create.
func (p *Provider) KubernetesRestConfig() *rest.Config {
	if p.cluster == nil {
		return nil
	}
	return p.cluster.REST()
}
