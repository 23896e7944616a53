package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// podPatience is how long an agent's pods may take: an image is pulled, and an agent that
// finds no token yet is started again.
const podPatience = 3 * time.Minute

// restarts is how often a container may end before it is said to fail.
const restarts = 4

// A deployment is an agent's pods.
type deployment struct {
	client          *kubernetes.Clientset
	namespace, name string
	replicas        int64
}

func newDeployment(client *kubernetes.Clientset, o *unstructured.Unstructured) *deployment {
	d := &deployment{client: client, namespace: o.GetNamespace(), name: o.GetName(), replicas: 1}
	if n, ok, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); ok && n > 0 {
		d.replicas = n
	}
	return d
}

// final is an error that waiting does not mend.
type final struct{ error }

// ready waits until every pod is available, and gives up when one cannot become so.
func (d *deployment) ready(ctx context.Context) error {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	var hopeless final
	err := retry(within, podPatience, 250*time.Millisecond, func(ctx context.Context) error {
		err := d.available(ctx)
		if errors.As(err, &hopeless) {
			cancel()
		}
		return err
	})
	if hopeless.error != nil {
		err = hopeless.error
	}
	if err == nil {
		return nil
	}
	return d.explain(context.WithoutCancel(ctx), fmt.Errorf("Deployment %s/%s: %w", d.namespace, d.name, err))
}

func (d *deployment) available(ctx context.Context) error {
	got, err := d.client.AppsV1().Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	want := int32(1)
	if got.Spec.Replicas != nil {
		want = *got.Spec.Replicas
	}
	s := got.Status
	if s.ObservedGeneration >= got.Generation && s.UpdatedReplicas == want && s.AvailableReplicas == want && s.Replicas == want {
		return nil
	}
	pods, err := d.pods(ctx, got)
	if err != nil {
		return err
	}
	for i := range pods {
		if err := trouble(&pods[i]); err != nil {
			return err
		}
	}
	if why := failure(got); strings.Contains(why, "denied the request") {
		return final{fmt.Errorf("no pod: a policy refuses it, as in production unless policies exclude %s: %s", d.namespace, why)}
	} else if why != "" {
		return fmt.Errorf("no pod: %s", why)
	}
	return fmt.Errorf("%d of %d pods are available", s.AvailableReplicas, want)
}

// failure is why a Deployment's pods cannot be made.
func failure(d *appsv1.Deployment) string {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return c.Message
		}
	}
	return ""
}

func (d *deployment) pods(ctx context.Context, of *appsv1.Deployment) ([]corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(of.Spec.Selector)
	if err != nil {
		return nil, err
	}
	list, err := d.client.CoreV1().Pods(d.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// trouble is what a pod's containers lack; nil when the pod says nothing.
func trouble(pod *corev1.Pod) error {
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		waits, ended := c.State.Waiting, c.LastTerminationState.Terminated
		switch {
		case waits != nil && slices.Contains([]string{"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}, waits.Reason):
			return final{fmt.Errorf("image %s is in no archive, and cannot be pulled: %s (hint: name an archive of docker save in hub.agents.images)", c.Image, waits.Message)}
		case ended != nil && c.RestartCount >= restarts:
			return final{fmt.Errorf("container %s ended %d times, the last time with code %d", c.Name, c.RestartCount, ended.ExitCode)}
		case waits != nil && waits.Reason != "ContainerCreating" && waits.Reason != "PodInitializing":
			return fmt.Errorf("container %s: %s: %s", c.Name, waits.Reason, waits.Message)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return fmt.Errorf("pod %s is not scheduled: %s", pod.Name, c.Message)
		}
	}
	return nil
}

// stop takes every pod away and returns when they are gone: SIGTERM and, as for processes,
// SIGKILL soon after.
func (d *deployment) stop(ctx context.Context) error {
	if err := d.scale(ctx, 0); err != nil {
		return err
	}
	got, err := d.client.AppsV1().Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	grace := int64(goodbye / time.Second)
	return retry(ctx, agentPatience, 200*time.Millisecond, func(ctx context.Context) error {
		pods, err := d.pods(ctx, got)
		if err != nil {
			return err
		}
		for _, p := range pods {
			if p.DeletionGracePeriodSeconds != nil && *p.DeletionGracePeriodSeconds <= grace {
				continue
			}
			if err := d.client.CoreV1().Pods(d.namespace).Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &grace}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
		if len(pods) > 0 {
			return fmt.Errorf("%d pods of %s still run", len(pods), d.name)
		}
		return nil
	})
}

// start lets the pods run again and waits until they are ready.
func (d *deployment) start(ctx context.Context) error {
	if err := d.scale(ctx, d.replicas); err != nil {
		return err
	}
	return d.ready(ctx)
}

func (d *deployment) scale(ctx context.Context, n int64) error {
	_, err := d.client.AppsV1().Deployments(d.namespace).Patch(ctx, d.name, types.MergePatchType,
		fmt.Appendf(nil, `{"spec": {"replicas": %d}}`, n), metav1.PatchOptions{})
	return err
}

// explain adds what the containers wrote that are not ready or, when all are, of the first.
func (d *deployment) explain(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	got, failed := d.client.AppsV1().Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
	if failed != nil {
		return err
	}
	pods, failed := d.pods(ctx, got)
	if failed != nil || len(pods) == 0 {
		return err
	}
	pod := pods[0]
	all := pod.Status.ContainerStatuses
	for _, c := range append(slices.DeleteFunc(slices.Clone(all), func(c corev1.ContainerStatus) bool { return c.Ready }), all...) {
		if text := d.tail(ctx, pod.Name, c); text != "" {
			return fmt.Errorf("%w\nthe log of %s:\n%s", err, c.Name, text)
		}
	}
	return err
}

// tail is the end of a container's log or, when it has not written yet, of the one before. One
// that ended is shown from its beginning, too: a program that refuses its flags says so first.
func (d *deployment) tail(ctx context.Context, pod string, c corev1.ContainerStatus) string {
	ended := c.State.Running == nil && c.RestartCount > 0
	for _, previous := range []bool{ended, c.RestartCount > 0} {
		content, err := d.client.CoreV1().Pods(d.namespace).GetLogs(pod, &corev1.PodLogOptions{Container: c.Name, Previous: previous}).DoRaw(ctx)
		if text := strings.TrimSpace(string(content)); err == nil && text != "" {
			return shown(text, ended)
		}
	}
	return ""
}

// shown is the end of a text, after its beginning when both are asked for.
func shown(text string, both bool) string {
	const head, end = 400, 1100
	if len(text) <= head+end {
		return text
	}
	if !both {
		return text[len(text)-head-end:]
	}
	return text[:head] + "\n[...]\n" + text[len(text)-end:]
}
