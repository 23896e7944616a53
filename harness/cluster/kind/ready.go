package kind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// deadline bounds the wait for one part of a cluster.
const deadline = 4 * time.Minute

// until asks again and again until there is no error or the deadline has passed.
func until(ctx context.Context, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, fmt.Errorf("%s: not ready after %s", what, deadline))
	defer cancel()
	for wait := 100 * time.Millisecond; ; wait = min(wait*3/2, time.Second) {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(wait):
		}
	}
}

// await waits until a component answers, and gives up when its process, if it has one here, ends.
func (c *member) await(ctx context.Context, x cluster.Component, p *process.Process) error {
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := until(ctx, string(x), func(ctx context.Context) error {
		err := c.answers(ctx, x)
		if err != nil && p != nil && !p.Alive() {
			cancel(fmt.Errorf("%s %w", x, ended))
		}
		return err
	})
	if err != nil && p != nil {
		return p.Explain(err)
	}
	return err
}

// answers asks a component for a sign of life that cannot be given too early.
func (c *member) answers(ctx context.Context, x cluster.Component) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	switch {
	case x == cluster.APIServer:
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	case slices.Contains(always, x):
		pod, err := client.CoreV1().Pods(metav1.NamespaceSystem).Get(ctx, podName(x)+"-"+c.controlPlane(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		return podReady(pod)
	case x == cluster.Kyverno:
		return kyverno.Canary(ctx, c.REST())
	case c.Spec().Kind.InCluster:
		d, err := client.AppsV1().Deployments("kyverno").Get(ctx, kyverno.Account(x), metav1.GetOptions{})
		if err == nil && d.Status.AvailableReplicas == 0 {
			err = fmt.Errorf("%s has no pod that is available", d.Name)
		}
		return err
	case x == cluster.KyvernoCleanup:
		return process.Answers(ctx, "https://"+c.address(x)+"/health/readiness")
	default:
		return process.Answers(ctx, "http://127.0.0.1:"+strconv.Itoa(c.state.Ports[string(x)+"/metrics"])+"/metrics")
	}
}

// address is where a component of the host listens.
func (c *member) address(x cluster.Component) string {
	return net.JoinHostPort(c.state.Gateway, strconv.Itoa(c.state.Ports[string(x)]))
}

func podReady(pod *corev1.Pod) error {
	if slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}) {
		return nil
	}
	return fmt.Errorf("pod %s is not ready", pod.Name)
}

// awaitNodes waits until every node is ready, CoreDNS has a pod, and pods can be made.
func (c *member) awaitNodes(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return until(ctx, "nodes", func(ctx context.Context) error {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if n := 1 + c.Spec().Kind.Workers; len(nodes.Items) != n {
			return fmt.Errorf("%d of %d nodes have joined", len(nodes.Items), n)
		}
		for _, n := range nodes.Items {
			if !slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			}) {
				return fmt.Errorf("node %s is not ready", n.Name)
			}
		}
		_, err = client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// Status looks at each component once, with a few seconds' patience for each.
func (c *member) Status(ctx context.Context) cluster.Status {
	s := cluster.Status{Name: c.Name(), Ready: true}
	for _, x := range append([]cluster.Component{cluster.APIServer}, c.Spec().Parts()...) {
		part := c.part(ctx, x)
		s.Parts = append(s.Parts, part)
		s.Ready = s.Ready && part.Error == ""
	}
	return s
}

// part is how one component is. The memory of the nodes is that of the API server's part.
func (c *member) part(ctx context.Context, x cluster.Component) cluster.Part {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	part := cluster.Part{Component: x}
	if slices.Contains(ours, x) && !c.Spec().Kind.InCluster {
		part.Address = c.address(x)
		p, err := process.Running(c.dir, string(x))
		if err != nil {
			part.Error = err.Error()
			return part
		}
		part.Running, part.PID = true, p.PID
		part.CPU, part.Memory = process.Usage(p.PID)
	}
	if x == cluster.APIServer {
		if u, err := url.Parse(c.REST().Host); err == nil {
			part.Address = u.Host
		}
		part.PID, part.Memory = c.memory(ctx)
	}
	if err := c.answers(ctx, x); err != nil {
		part.Error = firstLine(err)
		return part
	}
	part.Running = true
	return part
}
