// Package embedded makes clusters of plain processes: no container engine, no
// nodes, no network. A fleet shares one etcd, reached through a socket that only
// its user can open; each cluster is a real kube-apiserver with its own key
// prefix, with Kyverno's own controllers beside it, and, when asked for, a
// kube-controller-manager, a kube-scheduler, and nodes that kwok plays.
//
// A [Provider] keeps everything about its clusters in one folder: certificates,
// logs, and a record of every process, so that clusters outlive the command that
// made them and any later command can find, check and remove them, also after a
// crash. [New] opens the folder.
//
// Clusters start fast because Kubernetes' bootstrap objects, Kyverno's
// definitions, roles and certificates are made once for a machine, in a template
// cluster whose keys are then copied (see template.go).
//
// What such a cluster does not have: containers, so that a pod waits for ever or,
// with kwok, only says that it runs; a network, so services have no endpoints;
// and images.
package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Kind is the provider's name.
const Kind = "embedded"

// A Provider makes the clusters of one fleet. It implements [cluster.Provider].
type Provider struct {
	dir   string
	store *binaries.Store
	log   func(format string, args ...any) // what is being done, for people

	mu        sync.Mutex           // guards what clusters share: etcd, certificates, ports, templates
	templates map[string]*template // by version of Kubernetes
	starting  chan struct{}        // as many API servers start at once as keep the cores busy
}

var _ cluster.Provider = (*Provider)(nil)

// New opens the fleet kept in dir, which need not exist yet. Programs come from
// the store; log, which may be nil, hears what takes long.
func New(dir string, store *binaries.Store, log func(format string, args ...any)) (*Provider, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	return &Provider{dir: abs, store: store, log: log, templates: map[string]*template{},
		starting: make(chan struct{}, 2*runtime.NumCPU())}, nil
}

// Kind returns "embedded".
func (p *Provider) Kind() string { return Kind }

// Programs lists what a cluster of the spec runs.
func Programs(spec cluster.Spec) []binaries.Name {
	names := []binaries.Name{binaries.Etcd, binaries.APIServer, binaries.ControllerManager, binaries.Kyverno, binaries.KyvernoInstall}
	for _, c := range spec.Parts() {
		if n := program[c]; !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if spec.Has(cluster.Kwok) {
		names = append(names, binaries.KwokStages)
	}
	return names
}

var program = map[cluster.Component]binaries.Name{
	cluster.APIServer:         binaries.APIServer,
	cluster.ControllerManager: binaries.ControllerManager,
	cluster.Scheduler:         binaries.Scheduler,
	cluster.Kwok:              binaries.Kwok,
	cluster.Kyverno:           binaries.Kyverno,
	cluster.KyvernoBackground: binaries.Background,
	cluster.KyvernoReports:    binaries.Reports,
	cluster.KyvernoCleanup:    binaries.Cleanup,
}

// programs are the file names of what runs here.
var programs = func() []string {
	names := []string{string(binaries.Etcd)}
	for _, n := range program {
		names = append(names, string(n))
	}
	slices.Sort(names)
	return names
}()

// Create makes a cluster: its keys are a copy of the template's, then its
// processes start. On an error it is deleted again.
func (p *Provider) Create(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if err := check(spec); err != nil {
		return nil, err
	}
	spec.KubernetesVersion = cmp.Or(spec.KubernetesVersion, binaries.KubernetesVersion)
	bins, err := p.store.For(spec.KubernetesVersion).Get(ctx, Programs(spec)...)
	if err != nil {
		return nil, err
	}
	c, err := p.reserve(ctx, spec, bins)
	if err != nil {
		return nil, err
	}
	if err := c.bringUp(ctx); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("cluster %s: %w", spec.Name, err), p.Delete(undo, spec.Name))
	}
	return c, nil
}

// Preflight says of all clusters what cannot be, before the first one starts.
func (p *Provider) Preflight(_ context.Context, specs []cluster.Spec) error {
	var errs []error
	for _, s := range specs {
		errs = append(errs, check(s))
	}
	return errors.Join(errs...)
}

func check(spec cluster.Spec) error {
	if errs := validation.IsDNS1123Label(spec.Name); len(errs) > 0 {
		return fmt.Errorf("cluster name %q: %s", spec.Name, errs[0])
	}
	if v := spec.KubernetesVersion; v != "" && !slices.Contains(binaries.KubernetesVersions(), v) {
		return fmt.Errorf("cluster %s: Kubernetes %s: %w (hint: embedded clusters are %s; leave the version out, or use another provider)",
			spec.Name, v, cluster.ErrUnsupported, strings.Join(binaries.KubernetesVersions(), " or "))
	}
	for _, c := range spec.Parts() {
		if program[c] == "" {
			return fmt.Errorf("cluster %s: component %q: %w", spec.Name, c, cluster.ErrUnsupported)
		}
	}
	return checkNodes(spec)
}

// reserve makes the cluster's folder, gives it ports, and sees that what
// clusters share is there.
func (p *Provider) reserve(ctx context.Context, spec cluster.Spec, bins map[binaries.Name]string) (*member, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	unlock, err := p.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	c := &member{provider: p, dir: filepath.Join(p.dir, "clusters", spec.Name), bins: bins}
	c.state.Spec = spec
	if _, err := os.Stat(c.dir); err == nil {
		return nil, fmt.Errorf("cluster %s: %w", spec.Name, cluster.ErrExists)
	}
	if c.template, err = p.ensureShared(ctx, spec.KubernetesVersion, bins); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	if c.state.Ports, err = p.freePorts(spec); err != nil {
		return nil, err
	}
	return c, c.save()
}

// Open returns a cluster made earlier.
func (p *Provider) Open(ctx context.Context, name string) (cluster.Cluster, error) {
	return p.open(name)
}

func (p *Provider) open(name string) (*member, error) {
	c := &member{provider: p, dir: filepath.Join(p.dir, "clusters", name)}
	data, err := os.ReadFile(filepath.Join(c.dir, "cluster.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cluster %s: %w", name, cluster.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &c.state); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(c.dir, "cluster.json"), err)
	}
	c.pki, err = loadPKI(p.dir)
	return c, err
}

// List names the clusters, sorted.
func (p *Provider) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, "clusters"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries { // ReadDir sorts
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Delete ends every process of the cluster and removes its keys and its folder.
func (p *Provider) Delete(ctx context.Context, name string) error {
	dir := filepath.Join(p.dir, "clusters", name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := process.KillAll(ctx, dir, programs); err != nil {
		return fmt.Errorf("cluster %s: %w", name, err)
	}
	if err := p.dropKeys(ctx, name); err != nil {
		p.log("keys of cluster %s stay in etcd: %v", name, err)
	}
	return os.RemoveAll(dir)
}

// Close stops etcd and removes the fleet's folder once no cluster is left.
func (p *Provider) Close(ctx context.Context) error {
	names, err := p.List(ctx)
	if err != nil || len(names) > 0 {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := process.KillAll(ctx, p.dir, programs); err != nil {
		return err
	}
	clear(p.templates)
	if sock, err := readSocketDir(p.dir); err == nil {
		os.RemoveAll(sock)
	}
	return os.RemoveAll(p.dir)
}
