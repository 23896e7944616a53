// Package existing rehearses on clusters that were there before: contexts of the user's
// kubeconfig. They are never made and never removed.
//
// What may happen to them is decided in one place, the transport of every connection that
// [Provider] hands out: reading, dry runs, and policies of the rehearsal, which get labels when
// they are created, the fleet's among them, without which nothing may be changed or deleted. Anything else is refused
// before it leaves this machine. Delete removes what has the labels.
package existing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// Kind is the provider's name.
const Kind = "existing"

// A Provider opens clusters. It implements [cluster.Provider].
type Provider struct {
	dir     string
	confirm func(ctx context.Context, what string) error
	asking  sync.Mutex // clusters are opened together, and a person reads one question at a time
}

var _ cluster.Provider = (*Provider)(nil)

// ErrNotConfirmed says that nobody agreed that something may be written to a cluster.
var ErrNotConfirmed = errors.New("nothing may be written to it")

// New keeps in dir which contexts are in use. confirm is asked before the first connection to
// each cluster, with what will be done to it; nil: nothing may be.
func New(dir string, confirm func(ctx context.Context, what string) error) (*Provider, error) {
	abs, err := filepath.Abs(dir)
	if confirm == nil {
		confirm = func(context.Context, string) error { return ErrNotConfirmed }
	}
	return &Provider{dir: abs, confirm: confirm}, err
}

// Kind returns "existing".
func (p *Provider) Kind() string { return Kind }

// Create opens the context that the spec names, once somebody has agreed, and returns when
// Kyverno has answered a dry run there. The connection is kept as it is now.
func (p *Provider) Create(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if errs := validation.IsDNS1123Label(spec.Name); len(errs) > 0 {
		return nil, fmt.Errorf("cluster name %q: %s", spec.Name, errs[0])
	}
	if len(spec.Components) > 0 {
		return nil, fmt.Errorf("cluster %s: components: %w: it runs what it runs", spec.Name, cluster.ErrUnsupported)
	}
	if _, err := os.Stat(p.folder(spec.Name)); err == nil {
		return nil, fmt.Errorf("cluster %s: %w", spec.Name, cluster.ErrExists)
	}
	if spec.Context == "" {
		spec.Context = spec.Name
	}
	c := &member{spec: spec, fleet: p.fleet()}
	var err error
	if c.config, err = fromKubeconfig(spec); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", spec.Name, err)
	}
	if err := p.ask(ctx, c.warning()); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", spec.Name, err)
	}
	if err := kyverno.Canary(ctx, c.REST()); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", spec.Name, err)
	}
	return c, p.save(c)
}

// fleet tells this fleet's policies from those of others on the same cluster.
func (p *Provider) fleet() string {
	sum := sha256.Sum256([]byte(p.dir))
	return hex.EncodeToString(sum[:])[:8]
}

// selector finds what the fleet has written.
func selector(fleet string) string { return managedBy + "=" + manager + "," + fleetIs + "=" + fleet }

// ask asks for consent, one cluster after the other.
func (p *Provider) ask(ctx context.Context, what string) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.confirm(ctx, what)
}

// fromKubeconfig takes one context out of the user's kubeconfig, with what its files hold.
func fromKubeconfig(spec cluster.Spec) (*clientcmdapi.Config, error) {
	all, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return nil, err
	}
	at := all.Contexts[spec.Context]
	if at == nil || all.Clusters[at.Cluster] == nil || all.AuthInfos[at.AuthInfo] == nil {
		return nil, fmt.Errorf("%w: the kubeconfig has no context %q (hint: name it as context, and see kubectl config get-contexts)", cluster.ErrNotFound, spec.Context)
	}
	if err := clientcmdapi.FlattenConfig(all); err != nil {
		return nil, err
	}
	n := spec.Name
	return &clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{n: all.Clusters[at.Cluster]},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{n: all.AuthInfos[at.AuthInfo]},
		Contexts:       map[string]*clientcmdapi.Context{n: {Cluster: n, AuthInfo: n}},
		CurrentContext: n,
	}, nil
}

// saved is what a folder keeps of a cluster.
type saved struct {
	Spec cluster.Spec `json:"spec"`
}

func (p *Provider) folder(name string) string { return filepath.Join(p.dir, name) }

func (p *Provider) save(c *member) error {
	dir := p.folder(c.Name())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	config, err := clientcmd.Write(*c.config)
	if err != nil {
		return err
	}
	data, err := json.Marshal(saved{c.spec})
	if err != nil {
		return err
	}
	return errors.Join(process.WriteFile(filepath.Join(dir, "kubeconfig"), config), process.WriteFile(filepath.Join(dir, "cluster.json"), data))
}

// Open returns a cluster opened earlier.
func (p *Provider) Open(_ context.Context, name string) (cluster.Cluster, error) {
	data, err := os.ReadFile(filepath.Join(p.folder(name), "cluster.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cluster %s: %w", name, cluster.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	config, err := clientcmd.LoadFromFile(filepath.Join(p.folder(name), "kubeconfig"))
	return &member{spec: s.Spec, fleet: p.fleet(), config: config}, err
}

// List names the clusters in use, sorted.
func (p *Provider) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries { // ReadDir sorts
		names = append(names, e.Name())
	}
	return names, err
}

// Delete removes from the cluster what has the labels, and forgets it. The cluster stays.
func (p *Provider) Delete(ctx context.Context, name string) error {
	c, err := p.Open(ctx, name)
	if errors.Is(err, cluster.ErrNotFound) {
		return os.RemoveAll(p.folder(name))
	}
	if err == nil {
		err = c.(*member).clean(ctx)
	}
	if err != nil {
		return fmt.Errorf("cluster %s: what seatrial wrote may still be there (kubectl delete by the labels %s): %w (hint: when the cluster is gone: seatrial fleet down --forget)", name, selector(p.fleet()), err)
	}
	return os.RemoveAll(p.folder(name))
}

// Forget gives up a cluster without a connection to it, and says what may be left there.
func (p *Provider) Forget(name string) (left string, err error) {
	if _, err := os.Stat(p.folder(name)); err != nil {
		return "", fmt.Errorf("cluster %s: %w", name, cluster.ErrNotFound)
	}
	at := "there"
	if c, err := p.Open(context.Background(), name); err == nil {
		m := c.(*member)
		at = fmt.Sprintf("at %s, context %s", m.config.Clusters[name].Server, m.spec.Context)
	}
	return fmt.Sprintf("policies with the labels %s may be left %s", selector(p.fleet()), at), os.RemoveAll(p.folder(name))
}

// Close forgets the fleet once no cluster is in use.
func (p *Provider) Close(ctx context.Context) error {
	names, err := p.List(ctx)
	if err != nil || len(names) > 0 {
		return err
	}
	return os.RemoveAll(p.dir)
}
