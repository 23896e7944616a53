package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// member is one cluster. It implements [cluster.Cluster].
type member struct {
	provider   *Provider
	dir        string
	state      state
	kubeconfig *clientcmdapi.Config // of the administrator; nil until kind has made the cluster
}

// state is what cluster.json keeps.
type state struct {
	Spec    cluster.Spec   `json:"spec"`
	Gateway string         `json:"gateway,omitempty"` // address of this machine on the nodes' network
	Ports   map[string]int `json:"ports"`             // of processes on it, by component, and by component with "/metrics"
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

// kindName is what kind knows the cluster by.
func (c *member) kindName() string { return c.provider.prefix() + c.Name() }

// controlPlane is the container of the node with the control plane.
func (c *member) controlPlane() string { return c.kindName() + "-control-plane" }

// readKubeconfig reads the administrator's kubeconfig, which kind wrote, with one context of the
// cluster's name.
func (c *member) readKubeconfig() error {
	theirs, err := clientcmd.LoadFromFile(filepath.Join(c.dir, "kind.kubeconfig"))
	if err != nil {
		return err
	}
	at := theirs.Contexts[theirs.CurrentContext]
	if at == nil || theirs.Clusters[at.Cluster] == nil || theirs.AuthInfos[at.AuthInfo] == nil {
		return errors.New("kind.kubeconfig has no current context")
	}
	n := c.Name()
	c.kubeconfig = &clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{n: theirs.Clusters[at.Cluster]},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{n: theirs.AuthInfos[at.AuthInfo]},
		Contexts:       map[string]*clientcmdapi.Context{n: {Cluster: n, AuthInfo: n}},
		CurrentContext: n,
	}
	return nil
}

// REST is the administrator's way to the API server: no rate limit on this side, no warnings printed.
func (c *member) REST() *rest.Config {
	cfg, err := clientcmd.NewDefaultClientConfig(*c.kubeconfig, nil).ClientConfig()
	if err != nil { // only of a kubeconfig that readKubeconfig would not have taken
		return &rest.Config{Host: "https://" + c.Name() + ".invalid"}
	}
	cfg.QPS, cfg.UserAgent, cfg.WarningHandler = -1, "seatrial", rest.NoWarnings{}
	return cfg
}

func (c *member) Kubeconfig() ([]byte, error) { return clientcmd.Write(*c.kubeconfig) }

// kubeconfigAs is for a process that acts as another user.
func (c *member) kubeconfigAs(user string) ([]byte, error) {
	as := c.kubeconfig.DeepCopy()
	as.AuthInfos[c.Name()].Impersonate = user
	return clientcmd.Write(*as)
}

func (c *member) client() (*kubernetes.Clientset, error) { return kubernetes.NewForConfig(c.REST()) }

// versions notes which Kubernetes it is.
func (c *member) versions() error {
	client, err := discovery.NewDiscoveryClientForConfig(c.REST())
	if err != nil {
		return err
	}
	v, err := client.ServerVersion()
	if err != nil {
		return err
	}
	if err := sameVersion(c.state.Spec, v.GitVersion); err != nil {
		return err
	}
	c.state.Spec.KubernetesVersion = v.GitVersion
	return c.save()
}

// Stop ends a component as a crash does.
func (c *member) Stop(ctx context.Context, x cluster.Component) error {
	switch {
	case x == cluster.APIServer || slices.Contains(always, x):
		return c.stopStatic(ctx, x)
	case !c.Spec().Has(x):
		return c.unsupported(x)
	case c.Spec().Kind.InCluster:
		return c.crash(ctx, x)
	}
	p, err := process.Load(c.dir, string(x))
	if err != nil {
		return err
	}
	return p.Kill(ctx)
}

// Start starts a component and waits until it answers.
func (c *member) Start(ctx context.Context, x cluster.Component) error {
	switch {
	case x == cluster.APIServer || slices.Contains(always, x):
		if err := c.startStatic(ctx, x); err != nil {
			return err
		}
		return c.await(ctx, x, nil)
	case !c.Spec().Has(x):
		return c.unsupported(x)
	case c.Spec().Kind.InCluster:
		if err := c.revive(ctx, x); err != nil {
			return err
		}
		return c.await(ctx, x, nil)
	}
	return c.startHost(ctx, x)
}

func (c *member) unsupported(x cluster.Component) error {
	return fmt.Errorf("cluster %s: component %q: %w", c.Name(), x, cluster.ErrUnsupported)
}

// manifest is the file by which the kubelet runs a part of the control plane.
func manifest(x cluster.Component) string { return "/etc/kubernetes/manifests/" + string(x) + ".yaml" }

// stopStatic takes a part of the control plane away from the kubelet and ends its container.
func (c *member) stopStatic(ctx context.Context, x cluster.Component) error {
	script := fmt.Sprintf(`set -e
if [ -f %[1]s ]; then mv %[1]s /etc/kubernetes/%[2]s.stopped; fi
for i in $(seq 50); do
  running=$(crictl ps --quiet --name '^%[2]s$')
  if [ -z "$running" ]; then exit 0; fi
  crictl stop --timeout 0 $running >/dev/null || true
  sleep 0.2
done
echo "%[2]s still runs" >&2
exit 1`, manifest(x), x)
	_, err := c.inNode(ctx, c.controlPlane(), script)
	return err
}

func (c *member) startStatic(ctx context.Context, x cluster.Component) error {
	_, err := c.inNode(ctx, c.controlPlane(), fmt.Sprintf(`if [ -f /etc/kubernetes/%[2]s.stopped ]; then mv /etc/kubernetes/%[2]s.stopped %[1]s; fi`, manifest(x), x))
	return err
}

// inNode runs a script in a node and returns what it says.
func (c *member) inNode(ctx context.Context, node, script string) (string, error) {
	return docker(ctx, "exec", node, "sh", "-c", script)
}

// Logs is the end of what a component wrote.
func (c *member) Logs(x cluster.Component, bytes int64) ([]byte, error) {
	if slices.Contains(ours, x) && !c.Spec().Kind.InCluster {
		return process.Tail(c.log(x), bytes)
	}
	// The newest container's, on whatever node it runs.
	script := fmt.Sprintf(`f=$(ls -t /var/log/containers/%s-*.log 2>/dev/null | grep -v -- -pre- | head -n 1); [ -z "$f" ] || tail -c %d "$f"`, podName(x), bytes)
	nodes, err := c.provider.kind.ListInternalNodes(c.kindName())
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		out, err := c.inNode(context.Background(), n.String(), script)
		if err != nil || out != "" {
			return []byte(out), err
		}
	}
	return nil, nil
}

// memory is the proportional resident bytes of everything that runs in the nodes, and the
// process of the node with the control plane; 0 where the engine's processes are not this
// machine's.
func (c *member) memory(ctx context.Context) (pid int, bytes int64) {
	out, err := ask(ctx, "ps", "--quiet", "--filter", "label="+label+"="+c.kindName())
	if err != nil || out == "" {
		return 0, 0
	}
	out, err = ask(ctx, append([]string{"inspect", "--format", "{{.State.Pid}} {{.Name}}"}, strings.Fields(out)...)...)
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(out) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		if err != nil || n == 0 {
			continue
		}
		if name == "/"+c.controlPlane() {
			pid = n
		}
		for _, p := range process.Tree(n) {
			_, m := process.Usage(p)
			bytes += m
		}
	}
	return pid, bytes
}
