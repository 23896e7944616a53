package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
