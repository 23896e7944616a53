package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// connect does for nodes of our own image what kindnetd does for kind's: each gets a CNI
// configuration for its range of addresses, and routes to the others' ranges. It is done once: a
// node that joins later, or whose container is restarted, would lack routes.
func (c *member) connect(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var nodes *corev1.NodeList
	err = until(ctx, "addresses of the nodes", func(ctx context.Context) error {
		if nodes, err = client.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); err != nil {
			return err
		}
		if n := 1 + c.Spec().Kind.Workers; len(nodes.Items) != n {
			return fmt.Errorf("%d of %d nodes have joined", len(nodes.Items), n)
		}
		for _, n := range nodes.Items {
			if n.Spec.PodCIDR == "" || internalIP(n) == "" {
				return fmt.Errorf("node %s has no range of addresses yet", n.Name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		conflist, err := json.Marshal(networkOf(n.Spec.PodCIDR))
		if err != nil {
			return err
		}
		script := fmt.Sprintf("mkdir -p /etc/cni/net.d && echo '%s' >/etc/cni/net.d/10-seatrial.conflist", conflist)
		for _, other := range nodes.Items {
			if other.Name != n.Name {
				script += fmt.Sprintf(" && ip route replace %s via %s", other.Spec.PodCIDR, internalIP(other))
			}
		}
		if _, err := c.inNode(ctx, n.Name, script); err != nil {
			return err
		}
	}
	return nil
}

// networkOf is a CNI configuration by which pods of a node get addresses of the range.
func networkOf(podCIDR string) map[string]any {
	return map[string]any{
		"cniVersion": "1.0.0", "name": "seatrial",
		"plugins": []any{
			map[string]any{"type": "ptp", "ipMasq": true, "ipam": map[string]any{
				"type": "host-local", "dataDir": "/run/cni-ipam-state",
				"ranges": []any{[]any{map[string]any{"subnet": podCIDR}}},
				"routes": []any{map[string]any{"dst": "0.0.0.0/0"}},
			}},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	}
}

func internalIP(n corev1.Node) string {
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP && !strings.Contains(a.Address, ":") {
			return a.Address
		}
	}
	return ""
}
