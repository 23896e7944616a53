package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/objects"
)

// onPods is the provider whose clusters run pods.
const onPods = "kind"

// pods are agents that run in pods of their clusters, installed from manifests.
type pods struct {
	hub, member *manifest
	images      []string
	log         func(format string, args ...any)

	mu        sync.Mutex
	installed map[string]*installed // by member; "" is the hub's agent
}

var _ launcher = (*pods)(nil)

// installed is what was made for an agent on its cluster.
type installed struct {
	objects *objects.Client
	made    []*unstructured.Unstructured // in the order of their creation
	*deployment
}

func newPods(a Agents, log func(format string, args ...any)) (*pods, error) {
	p := &pods{images: a.Images, log: log, installed: map[string]*installed{}}
	var err error
	if p.hub, err = readManifest("hubManifest", a.HubManifest); err != nil {
		return nil, err
	}
	p.member, err = readManifest("memberManifest", a.MemberManifest)
	return p, err
}

// On says whether the agents can run on a cluster of that provider.
func (a Agents) On(name, provider string) error {
	if !a.InPods() || provider == onPods {
		return nil
	}
	return fmt.Errorf("hub.agents: hubManifest and memberManifest run KubeFleet's agents in pods, and cluster %s is %s (hint: --provider kind; or hubAgent and memberAgent, as processes)", name, provider)
}

// hubSpec is a kind cluster of the first member's node image and version.
func (p *pods) hubSpec(members []*Member) (cluster.Spec, error) {
	spec := cluster.Spec{Name: hubName, Provider: onPods, Components: []cluster.Component{cluster.ControllerManager}}
	for _, m := range members {
		if _, ok := m.Cluster.(cluster.PodHost); !ok {
			return spec, fmt.Errorf("KubeFleet's agents in pods, on cluster %s: %w (hint: --provider kind)", m.Name, cluster.ErrUnsupported)
		}
	}
	if len(members) > 0 {
		first := members[0].Cluster.Spec()
		spec.KubernetesVersion = first.KubernetesVersion
		spec.Kind = cluster.KindSpec{NodeImage: first.Kind.NodeImage, FeatureGates: first.Kind.FeatureGates, KubeadmPatches: first.Kind.KubeadmPatches}
	}
	return spec, nil
}

func (p *pods) startHub(ctx context.Context, hub cluster.Cluster, o *objects.Client) error {
	return p.install(ctx, "", hub, o, p.hub, (*manifest).atOnce)
}

// startMember installs a member's agent or, when it is there, lets it run again.
func (p *pods) startMember(ctx context.Context, m *Member, hub cluster.Cluster, token []byte) error {
	namespace, name, err := p.member.tokenSecret()
	if err != nil {
		return err
	}
	secret := named("v1", "Secret", namespace, name)
	secret.Object["stringData"] = map[string]any{"token": string(token)}
	if have := p.of(m.Name); have != nil {
		if err := m.Objects.Put(ctx, secret); err != nil {
			return err
		}
		return have.start(ctx)
	}
	url, err := inside(ctx, hub)
	if err != nil {
		return err
	}
	return p.install(ctx, m.Name, m.Cluster, m.Objects, p.member, func(mf *manifest) {
		mf.tell(m.Name, url, hub.REST().CAData)
		mf.objects = append([]*unstructured.Unstructured{secret}, mf.objects...)
	})
}

// install loads the images into a cluster, creates what the manifest says, and waits until the
// agent's pods are ready.
func (p *pods) install(ctx context.Context, member string, c cluster.Cluster, o *objects.Client, written *manifest, change func(*manifest)) error {
	host, ok := c.(cluster.PodHost)
	if !ok {
		return fmt.Errorf("agents in pods on cluster %s: %w (hint: --provider kind)", c.Name(), cluster.ErrUnsupported)
	}
	for _, archive := range p.images {
		if err := host.LoadArchive(ctx, archive); err != nil {
			return err
		}
	}
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return err
	}
	if err := define(ctx, o, written); err != nil {
		return err
	}
	m := written.copied(func(x *unstructured.Unstructured) bool { is, err := o.Namespaced(x); return err == nil && is })
	change(m)
	if err := host.Host(ctx, m.deployment.GetNamespace(), m.images()); err != nil {
		return err
	}
	in := &installed{objects: o, deployment: newDeployment(client, m.deployment)}
	p.mu.Lock()
	p.installed[member] = in
	p.mu.Unlock()
	if err := in.create(ctx, m); err != nil {
		return err
	}
	if err := in.ready(ctx); err != nil {
		return err
	}
	p.log("%s runs in pods of %s", in.name, c.Name())
	return nil
}

// define creates the definitions of a manifest and waits until their kinds are served.
func define(ctx context.Context, o *objects.Client, m *manifest) error {
	var crds []*unstructured.Unstructured
	for _, x := range m.objects {
		if x.GetKind() != "CustomResourceDefinition" {
			continue
		}
		if err := o.Create(ctx, x.DeepCopy()); err != nil {
			return fmt.Errorf("%s: %s: %w", m.path, x.GetName(), err)
		}
		crds = append(crds, x)
	}
	return o.Served(ctx, crds)
}

// create makes the objects that are no definitions, their namespaces first.
func (in *installed) create(ctx context.Context, m *manifest) error {
	var spaces []string
	for _, o := range m.objects {
		if n := o.GetNamespace(); n != "" && !slices.Contains(spaces, n) {
			spaces = append(spaces, n)
		}
	}
	for _, n := range spaces {
		if err := in.objects.Create(ctx, named("v1", "Namespace", "", n)); err != nil {
			return err
		}
	}
	for _, o := range m.objects {
		if k := o.GetKind(); k == "CustomResourceDefinition" || k == "Namespace" {
			continue
		}
		if err := in.objects.Put(ctx, o); err != nil {
			return fmt.Errorf("%s: %s %s: %w", m.path, o.GetKind(), o.GetName(), err)
		}
		in.made = append(in.made, o)
	}
	return nil
}

// inside is the URL of a cluster's API server for pods of other clusters on the same network.
func inside(ctx context.Context, c cluster.Cluster) (string, error) {
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return "", err
	}
	found, err := client.DiscoveryV1().EndpointSlices("default").List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=kubernetes"})
	if err != nil {
		return "", err
	}
	for _, s := range found.Items {
		if len(s.Endpoints) > 0 && len(s.Endpoints[0].Addresses) > 0 && len(s.Ports) > 0 && s.Ports[0].Port != nil {
			return fmt.Sprintf("https://%s:%d", s.Endpoints[0].Addresses[0], *s.Ports[0].Port), nil
		}
	}
	return "", fmt.Errorf("cluster %s has no address of its API server in the Service kubernetes", c.Name())
}

func (p *pods) of(member string) *installed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.installed[member]
}

// hubReady waits for the hub's agent, which ends when it cannot renew its lease.
func (p *pods) hubReady(ctx context.Context) error {
	if in := p.of(""); in != nil {
		return in.ready(ctx)
	}
	return nil
}

func (p *pods) end(ctx context.Context, member string) error {
	if in := p.of(member); in != nil {
		return in.stop(ctx)
	}
	return nil
}

func (p *pods) explained(ctx context.Context, err error) error {
	if in := p.of(""); in != nil {
		return in.explain(ctx, err)
	}
	return err
}

// close removes what was made on the members, but for definitions, which their objects need;
// the hub's goes with its cluster. A member that does not answer any more keeps it.
func (p *pods) close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for member, in := range p.installed {
		if member == "" {
			continue
		}
		for _, o := range slices.Backward(in.made) {
			if err := in.objects.Remove(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
				p.log("remove KubeFleet's agent from %s: %v", member, err)
				break
			}
		}
	}
	return nil
}
