package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

var hostPrograms = map[cluster.Component]binaries.Name{
	cluster.Kyverno:           binaries.Kyverno,
	cluster.KyvernoBackground: binaries.Background,
	cluster.KyvernoReports:    binaries.Reports,
	cluster.KyvernoCleanup:    binaries.Cleanup,
}

// podName begins the name of a component's pods.
func podName(x cluster.Component) string {
	if _, ok := hostPrograms[x]; ok {
		return kyverno.Account(x)
	}
	return string(x)
}

// controllers are those of Kyverno that the cluster has.
func (c *member) controllers() []cluster.Component {
	var out []cluster.Component
	for _, x := range ours {
		if c.Spec().Has(x) {
			out = append(out, x)
		}
	}
	return out
}

// bringUpKyverno installs Kyverno and waits until every controller answers.
func (c *member) bringUpKyverno(ctx context.Context) error {
	bins, err := c.provider.store.Get(ctx, c.wants()...)
	if err != nil {
		return err
	}
	manifest, pods := bins[binaries.KyvernoInstall], kyverno.Pods{}
	if in := c.Spec().Kind; in.InCluster {
		pods.Components = c.controllers()
		if in.Manifest != "" {
			manifest, pods.AsWritten = in.Manifest, true
		}
	}
	if err := kyverno.Install(ctx, c.REST(), manifest, pods); err != nil {
		return fmt.Errorf("install Kyverno: %w", err)
	}
	if err := kyverno.AwaitRoles(ctx, c.REST()); err != nil {
		return err
	}
	if c.Spec().Kind.InCluster {
		for _, x := range pods.Components {
			if err := c.await(ctx, x, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.reservePorts(ctx); err != nil {
		return err
	}
	for _, x := range c.controllers() {
		if err := c.describe(x, bins[hostPrograms[x]]); err != nil {
			return err
		}
	}
	for _, x := range c.controllers() {
		if err := c.startHost(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// wants lists what is needed of the store.
func (c *member) wants() []binaries.Name {
	names := []binaries.Name{binaries.KyvernoInstall}
	if !c.Spec().Kind.InCluster {
		for _, x := range c.controllers() {
			names = append(names, hostPrograms[x])
		}
	}
	return names
}

// reservePorts gives each controller ports that no other cluster of the fleet has.
func (c *member) reservePorts(ctx context.Context) (err error) {
	c.provider.mu.Lock()
	defer c.provider.mu.Unlock()
	if c.state.Gateway, err = gateway(ctx); err != nil {
		return err
	}
	taken := map[int]bool{}
	others, err := c.provider.List(ctx)
	if err != nil {
		return err
	}
	for _, n := range others {
		if o, err := c.provider.Open(ctx, n); err == nil {
			for _, port := range o.(*member).state.Ports {
				taken[port] = true
			}
		}
	}
	for _, x := range c.controllers() {
		if c.state.Ports[string(x)], err = process.FreePort(c.state.Gateway, taken); err != nil {
			return fmt.Errorf("%w (hint: where containers run in a virtual machine, Kyverno must run in pods: kind.kyverno: cluster)", err)
		}
		if c.state.Ports[string(x)+"/metrics"], err = process.FreePort("127.0.0.1", taken); err != nil {
			return err
		}
	}
	return c.save()
}

func (c *member) log(x cluster.Component) string { return filepath.Join(c.dir, string(x)+".log") }

// describe writes down how a controller runs.
func (c *member) describe(x cluster.Component, program string) error {
	config, err := c.kubeconfigAs(kyverno.User(x))
	if err != nil {
		return err
	}
	path := filepath.Join(c.dir, string(x)+".kubeconfig")
	if err := process.WriteFile(path, config); err != nil {
		return err
	}
	p := &process.Process{Name: string(x), Log: c.log(x)}
	err = kyverno.Host{
		Component: x, Program: program, Kubeconfig: path, Dir: c.dir,
		Address: c.state.Gateway, Port: c.state.Ports[string(x)], MetricsPort: c.state.Ports[string(x)+"/metrics"],
	}.Describe(p)
	return errors.Join(err, p.Save(c.dir))
}

// startHost starts a controller as it was described, unless it runs, and waits until it answers.
func (c *member) startHost(ctx context.Context, x cluster.Component) error {
	p, err := process.Load(c.dir, string(x))
	if errors.Is(err, fs.ErrNotExist) {
		return c.unsupported(x)
	}
	if err == nil && !p.Alive() {
		err = p.Start(c.dir)
	}
	if err != nil {
		return err
	}
	return c.await(ctx, x, p)
}
