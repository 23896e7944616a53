package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seatrial/seatrial/harness/objects"
)

// evictPatience is how long a pod's disruption budget may hold a drain up.
const evictPatience = 30 * time.Second

// evict evicts every pod of the node but those that would come back to it at once: a DaemonSet's
// and the kubelet's own.
func (a *acting) evict(ctx context.Context, node string) (evicted int, err error) {
	pods, err := a.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return 0, err
	}
	deadline := time.Now().Add(evictPatience)
	for _, p := range pods.Items {
		if stays(p) {
			continue
		}
		for {
			err := a.client.PolicyV1().Evictions(p.Namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
			if err == nil || apierrors.IsNotFound(err) {
				evicted++
				break
			}
			if !apierrors.IsTooManyRequests(err) || time.Now().After(deadline) || ctx.Err() != nil {
				return evicted, fmt.Errorf("evict %s: %w", title("Pod", p.Namespace, p.Name), err)
			}
			pause(ctx, time.Second)
		}
	}
	return evicted, nil
}

func stays(p corev1.Pod) bool {
	_, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]
	return mirror || slices.ContainsFunc(p.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == "DaemonSet" || o.Kind == "Node" })
}

// drain keeps new pods from so many nodes and evicts those that are there, as kubectl drain does.
func (a *acting) drain(ctx context.Context, n int) (what string, err error) {
	list, err := a.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	control := func(x corev1.Node) int {
		if _, is := x.Labels["node-role.kubernetes.io/control-plane"]; is {
			return 1
		}
		return 0
	}
	slices.SortFunc(list.Items, func(x, y corev1.Node) int {
		return cmp.Or(cmp.Compare(control(x), control(y)), cmp.Compare(x.Name, y.Name))
	})
	evicted := 0
	for _, node := range list.Items[:min(n, len(list.Items))] {
		if err := a.cordon(ctx, node.Name, true); err != nil {
			return "", err
		}
		a.cordoned = append(a.cordoned, node.Name)
		e, err := a.evict(ctx, node.Name)
		if err != nil {
			return "", err
		}
		evicted += e
	}
	for _, w := range a.whole {
		a.touch(w)
	}
	return fmt.Sprintf("%d nodes drained of %d pods", len(a.cordoned), evicted), nil
}

func (a *acting) cordon(ctx context.Context, node string, yes bool) error {
	patch := fmt.Sprintf(`{"spec":{"unschedulable":%v}}`, yes)
	_, err := a.client.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: objects.Manager})
	return err
}

// uncordon lets the nodes that were drained take pods again, whatever became of the stage.
func (r *rehearsal) uncordon(ctx context.Context) error {
	return r.eachActing(ctx, func(ctx context.Context, a *acting) error {
		for _, n := range a.cordoned {
			if err := a.cordon(ctx, n, false); err != nil {
				return err
			}
		}
		a.cordoned = nil
		return nil
	})
}
