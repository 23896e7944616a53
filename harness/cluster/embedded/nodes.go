package embedded

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// kwokUser is who kwok is for the API server: a kubelet, so that Kyverno's
// configuration, which leaves out the group of nodes, holds for it as in production.
const (
	kwokUser   = "system:node:kwok"
	nodesGroup = "system:nodes"
)

// mostNodes is how many addresses the nodes' network has.
const mostNodes = 250

func checkNodes(spec cluster.Spec) error {
	switch n := spec.Nodes; {
	case n < 0 || n > mostNodes:
		return fmt.Errorf("cluster %s: %d nodes: want 0 to %d", spec.Name, n, mostNodes)
	case n > 0 && !spec.Has(cluster.Kwok):
		return fmt.Errorf("cluster %s: %d nodes: %w without a component that plays them (hint: add %s)",
			spec.Name, n, cluster.ErrUnsupported, cluster.Kwok)
	}
	return nil
}

// scheduler runs as Kubernetes' own user of that name, whose roles are there from the start.
func (c *member) scheduler(p *process.Process) error {
	path, err := c.writeKubeconfig("scheduler", adminName, "system:kube-scheduler")
	if err != nil {
		return err
	}
	p.Env = []string{"GOGC=75"}
	p.Args = []string{c.bins[binaries.Scheduler],
		"--kubeconfig=" + path,
		"--leader-elect=false",
		"--bind-address=" + loopback,
		"--secure-port=" + strconv.Itoa(c.port(cluster.Scheduler)),
		"--profiling=false",
	}
	return nil
}

func (c *member) kwok(p *process.Process) error {
	path, err := c.writeKubeconfig("kwok", adminName, kwokUser, nodesGroup)
	if err != nil {
		return err
	}
	p.Env = []string{"GOGC=75"}
	p.Args = []string{c.bins[binaries.Kwok],
		"--config=" + c.bins[binaries.KwokStages],
		"--kubeconfig=" + path,
		"--manage-all-nodes=true",
		"--cidr=10.244.0.0/16",
		"--node-lease-duration-seconds=0", // nobody looks at them
		"--server-address=" + address(c.port(cluster.Kwok)),
	}
	return nil
}

// makeNodes creates the nodes that kwok plays, and lets it do so.
func (c *member) makeNodes(ctx context.Context) error {
	if !c.Spec().Has(cluster.Kwok) {
		return nil
	}
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "seatrial:kwok"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:node"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: kwokUser}},
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	for i := range c.Spec().NodeCount() {
		if _, err := client.CoreV1().Nodes().Create(ctx, node(i, c.Spec().KubernetesVersion), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// node is the node of that number, from 0, whose kubelet is of the version; kwok makes it ready.
func node(i int, version string) *corev1.Node {
	name := "node-" + strconv.Itoa(i+1)
	room := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods:   resource.MustParse("1000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname:   name,
			corev1.LabelOSStable:   "linux",
			corev1.LabelArchStable: "amd64",
		}},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: "10.250.0." + strconv.Itoa(i+1)},
				{Type: corev1.NodeHostName, Address: name},
			},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: version},
		},
	}
}

// nodesReady is an error that names a node that is not ready.
func nodesReady(ctx context.Context, cfg *rest.Config) error {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		if !slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}) {
			return fmt.Errorf("node %s is not ready", n.Name)
		}
	}
	return nil
}
