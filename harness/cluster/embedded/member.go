package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// member is one cluster. It implements [cluster.Cluster].
type member struct {
	provider *Provider
	dir      string
	bins     map[binaries.Name]string // empty when the cluster was opened, not made
	template *template                // the same
	pki      pki
	state    state
}

// state is what cluster.json keeps.
type state struct {
	Spec  cluster.Spec   `json:"spec"`
	Ports map[string]int `json:"ports"` // by component, and by component with "/metrics"
}

func (c *member) save() error {
	data, err := json.Marshal(c.state)
	if err != nil {
		return err
	}
	return process.WriteFile(filepath.Join(c.dir, "cluster.json"), data)
}

func (c *member) Name() string       { return c.state.Spec.Name }
func (c *member) Spec() cluster.Spec { return c.state.Spec }

func (c *member) port(x cluster.Component) int { return c.state.Ports[string(x)] }

// bringUp copies the template's keys, starts every component and waits until
// Kyverno answers.
func (c *member) bringUp(ctx context.Context) error {
	var err error
	if c.pki, err = loadPKI(c.provider.dir); err != nil {
		return err
	}
	if err := c.template.copyTo(ctx, c); err != nil {
		return err
	}
	select {
	case c.provider.starting <- struct{}{}:
		defer func() { <-c.provider.starting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := c.Start(ctx, cluster.APIServer); err != nil {
		return err
	}
	if err := c.makeNodes(ctx); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	for _, x := range c.Spec().Parts() {
		if err := c.launch(x); err != nil {
			return err
		}
	}
	for _, x := range c.Spec().Parts() {
		if err := c.await(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// REST is the administrator's way to the API server: no rate limit on this
// side, no warnings printed.
func (c *member) REST() *rest.Config {
	return &rest.Config{
		Host: "https://" + address(c.port(cluster.APIServer)),
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.pki.CA, CertFile: c.pki.cert(adminName), KeyFile: c.pki.key(adminName),
		},
		QPS: -1, UserAgent: "seatrial", WarningHandler: rest.NoWarnings{},
	}
}

func (c *member) Kubeconfig() ([]byte, error) {
	return c.kubeconfig(adminName, "")
}

// kubeconfig is for the user of a certificate, who may act as another.
func (c *member) kubeconfig(cert, as string, groups ...string) ([]byte, error) {
	n := c.Name()
	return clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{n: {Server: "https://" + address(c.port(cluster.APIServer)), CertificateAuthority: c.pki.cert(caName)}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{n: {ClientCertificate: c.pki.cert(cert), ClientKey: c.pki.key(cert), Impersonate: as, ImpersonateGroups: groups}},
		Contexts:       map[string]*clientcmdapi.Context{n: {Cluster: n, AuthInfo: n}},
		CurrentContext: n,
	})
}

// Stop ends a component as a crash does.
func (c *member) Stop(ctx context.Context, x cluster.Component) error {
	p, err := process.Load(c.dir, string(x))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cluster %s: component %q: %w", c.Name(), x, cluster.ErrUnsupported)
	}
	if err != nil {
		return err
	}
	return p.Kill(ctx)
}

// Start starts a component and waits until it answers.
func (c *member) Start(ctx context.Context, x cluster.Component) error {
	if err := c.launch(x); err != nil {
		return err
	}
	return c.await(ctx, x)
}

// launch starts a component's process, unless it runs: as it ran before, if it did.
func (c *member) launch(x cluster.Component) error {
	p, err := process.Load(c.dir, string(x))
	switch {
	case err == nil && p.Alive():
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if p, err = c.process(x); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	return p.Start(c.dir)
}

// process is how a component runs.
func (c *member) process(x cluster.Component) (*process.Process, error) {
	if !c.Spec().Has(x) || c.bins == nil {
		return nil, fmt.Errorf("cluster %s: component %q: %w", c.Name(), x, cluster.ErrUnsupported)
	}
	p := &process.Process{Name: string(x), Log: c.log(x)}
	var err error
	switch x {
	case cluster.APIServer:
		err = c.apiserver(p)
	case cluster.ControllerManager:
		err = c.controllerManager(p)
	case cluster.Scheduler:
		err = c.scheduler(p)
	case cluster.Kwok:
		err = c.kwok(p)
	default:
		err = c.kyverno(p, x)
	}
	return p, err
}

func (c *member) log(x cluster.Component) string { return filepath.Join(c.dir, string(x)+".log") }

// Logs is the end of a component's output.
func (c *member) Logs(x cluster.Component, bytes int64) ([]byte, error) {
	return process.Tail(c.log(x), bytes)
}

// Status looks at each component once, with a second's patience for each.
func (c *member) Status(ctx context.Context) cluster.Status {
	s := cluster.Status{Name: c.Name(), Ready: true}
	for _, x := range append([]cluster.Component{cluster.APIServer}, c.Spec().Parts()...) {
		s.Parts = append(s.Parts, c.part(ctx, x))
		if last := s.Parts[len(s.Parts)-1]; last.Error != "" {
			s.Ready = false
		}
	}
	return s
}

func (c *member) part(ctx context.Context, x cluster.Component) cluster.Part {
	part := cluster.Part{Component: x, Address: address(c.port(x))}
	p, err := process.Running(c.dir, string(x))
	if err != nil {
		part.Error = err.Error()
		return part
	}
	part.Running, part.PID = true, p.PID
	part.CPU, part.Memory = process.Usage(p.PID)
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := c.answers(ctx, x); err != nil {
		part.Error = err.Error()
	}
	return part
}
