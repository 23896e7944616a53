// Package kind makes clusters whose nodes are containers and run pods: sigs.k8s.io/kind as a
// library, on a Docker engine of this machine. [New] opens a fleet's; it passes the same contract
// as the embedded provider.
//
// Kyverno runs as processes of this machine beside each cluster, as it does for embedded
// clusters, or in pods when a spec says so. Its answers are the same; as processes it needs no
// images. Ready means ready: kind's own wait ends without an error when time is up, so that nodes
// and Kyverno are asked here.
//
// Where no registry answers, package nodeimage makes the image of the nodes. What is missing of
// an engine, memory or the kernel's limits is said before anything starts ([Provider.Preflight]).
// Containers carry kind's label with a name that begins with the fleet's own prefix, so that any
// later command finds what a crash left.
package kind

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
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	kindcluster "sigs.k8s.io/kind/pkg/cluster"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// Kind is the provider's name.
const Kind = "kind"

// A Provider makes the clusters of one fleet. It implements [cluster.Provider].
type Provider struct {
	dir   string
	store *binaries.Store
	log   func(format string, args ...any)
	kind  *kindcluster.Provider

	mu       sync.Mutex // guards ports and folders
	starting chan struct{}
}

var _ cluster.Provider = (*Provider)(nil)

// New opens the fleet kept in dir, which need not exist yet and which no other provider keeps its
// own in. Kyverno comes from the store; log, which may be nil, hears what takes long.
func New(dir string, store *binaries.Store, log func(format string, args ...any)) (*Provider, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	return &Provider{dir: abs, store: store, log: log, starting: make(chan struct{}, startLimit()),
		kind: kindcluster.NewProvider(kindcluster.ProviderWithDocker())}, nil
}

// Kind returns "kind".
func (p *Provider) Kind() string { return Kind }

// prefix begins the names of the fleet's containers: no other folder has the same.
func (p *Provider) prefix() string {
	sum := sha256.Sum256([]byte(p.dir))
	return "seatrial-" + hex.EncodeToString(sum[:])[:8] + "-"
}

// longest is how long a cluster's name may be: a node's host name has at most 63 characters.
const longest = 63 - len("seatrial-01234567-") - len("-control-plane")

func (p *Provider) folder(name string) string { return filepath.Join(p.dir, name) }

// What kind clusters have whatever a spec says, and what is played by real nodes there.
var (
	always = []cluster.Component{cluster.ControllerManager, cluster.Scheduler}
	played = []cluster.Component{cluster.Kwok}
	ours   = []cluster.Component{cluster.Kyverno, cluster.KyvernoBackground, cluster.KyvernoReports, cluster.KyvernoCleanup}
)

// check completes a spec, or says what of it cannot be. Nodes that kwok would play are left out:
// there are real ones.
func check(spec cluster.Spec) (cluster.Spec, error) {
	if errs := validation.IsDNS1123Label(spec.Name); len(errs) > 0 {
		return spec, fmt.Errorf("cluster name %q: %s", spec.Name, errs[0])
	}
	if len(spec.Name) > longest {
		return spec, fmt.Errorf("cluster name %q: %w: a kind cluster's has at most %d characters", spec.Name, cluster.ErrUnsupported, longest)
	}
	if n := spec.Kind.Workers; n < 0 || n > 20 {
		return spec, fmt.Errorf("cluster %s: %d workers, want 0 to 20", spec.Name, n)
	}
	components := slices.Clone(always)
	for _, c := range spec.Parts() {
		switch {
		case slices.Contains(ours, c):
			components = append(components, c)
		case !slices.Contains(always, c) && !slices.Contains(played, c):
			return spec, fmt.Errorf("cluster %s: component %q: %w", spec.Name, c, cluster.ErrUnsupported)
		}
	}
	spec.Components, spec.Nodes = components, 0
	return spec, nil
}

// Create makes a cluster. On an error or when ctx ends nothing of it is left.
func (p *Provider) Create(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	spec, err := check(spec)
	if err != nil {
		return nil, err
	}
	if err := problems(p.missing(ctx, 1)); err != nil {
		return nil, err
	}
	c, err := p.reserve(ctx, spec)
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

// reserve makes the cluster's folder.
func (p *Provider) reserve(ctx context.Context, spec cluster.Spec) (*member, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	names, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	if slices.Contains(names, spec.Name) {
		return nil, fmt.Errorf("cluster %s: %w", spec.Name, cluster.ErrExists)
	}
	if err := os.MkdirAll(p.folder(spec.Name), 0o700); err != nil {
		return nil, err
	}
	c := &member{provider: p, dir: p.folder(spec.Name), state: state{Spec: spec, Ports: map[string]int{}}}
	return c, c.save()
}

// Open returns a cluster made earlier.
func (p *Provider) Open(ctx context.Context, name string) (cluster.Cluster, error) {
	c := &member{provider: p, dir: p.folder(name)}
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
	if err := c.readKubeconfig(); err != nil {
		return nil, fmt.Errorf("cluster %s is half made: %w", name, err)
	}
	return c, nil
}

// List names the clusters: those of the folder, and those that have containers but no folder.
func (p *Provider) List(ctx context.Context) ([]string, error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	labels, err := containers(ctx, p.prefix())
	if err != nil && len(entries) > 0 {
		return nil, err // without an engine nobody knows what else there is
	}
	for _, l := range labels {
		names = append(names, strings.TrimPrefix(l, p.prefix()))
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Delete removes the cluster's containers, ends its processes and removes its folder.
func (p *Provider) Delete(ctx context.Context, name string) error {
	dir := p.folder(name)
	_, err := os.Stat(dir)
	here := err == nil
	if here {
		if err := process.KillAll(ctx, dir, programs()); err != nil {
			return fmt.Errorf("cluster %s: %w", name, err)
		}
	}
	if err := remove(ctx, p.prefix()+name); err != nil && here {
		return fmt.Errorf("cluster %s: %w", name, err)
	}
	return os.RemoveAll(dir)
}

// Close removes the fleet's folder once no cluster is left. The engine's network stays, as kind
// leaves it.
func (p *Provider) Close(ctx context.Context) error {
	names, err := p.List(ctx)
	if err != nil || len(names) > 0 {
		return err
	}
	return os.RemoveAll(p.dir)
}

// programs are the file names of what runs beside the clusters.
func programs() []string {
	var names []string
	for _, c := range ours {
		names = append(names, string(hostPrograms[c]))
	}
	return names
}
