package kind

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
)

// stoppedNode is a label that no node has: pods that ask for it wait.
const stoppedNode = "seatrial.dev/stopped"

// crash ends the pods of a controller in the cluster at once, and lets no other run until
// [member.revive]. Its Deployment keeps its replicas: Kyverno takes zero for its removal, and
// deletes its webhooks before it goes, which a crash does not.
func (c *member) crash(ctx context.Context, x cluster.Component) error {
	// A Deployment of the strategy Recreate takes the old pods away first.
	if err := c.patch(ctx, x, `{"strategy": {"$retainKeys": ["type"], "type": "Recreate"}, "template": {"spec": {"nodeSelector": {"`+stoppedNode+`": "true"}}}}`); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	now, selector := int64(0), metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=" + component(x)}
	pods := client.CoreV1().Pods("kyverno")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return until(ctx, kyverno.Account(x), func(ctx context.Context) error {
		all, err := pods.List(ctx, selector)
		if err != nil {
			return err
		}
		running := slices.DeleteFunc(all.Items, func(p corev1.Pod) bool { return p.Spec.NodeSelector[stoppedNode] != "" })
		for _, p := range running {
			if err := pods.Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
		if len(running) > 0 {
			return fmt.Errorf("%d pods still run", len(running))
		}
		return nil
	})
}

// revive lets a controller run again that has crashed.
func (c *member) revive(ctx context.Context, x cluster.Component) error {
	return c.patch(ctx, x, `{"template": {"spec": {"nodeSelector": {"`+stoppedNode+`": null}}}}`)
}

// patch changes the spec of a controller's Deployment.
func (c *member) patch(ctx context.Context, x cluster.Component, spec string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	_, err = client.AppsV1().Deployments("kyverno").Patch(ctx, kyverno.Account(x), types.StrategicMergePatchType, []byte(`{"spec": `+spec+`}`), metav1.PatchOptions{})
	return err
}

// component is the value of the label that Kyverno's manifests give to a controller's pods.
func component(x cluster.Component) string {
	return kyverno.Account(x)[len("kyverno-"):]
}
