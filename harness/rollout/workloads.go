package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// How long is waited for Deployments to have their pods: before a stage acts on them, and after
// it was rolled back. A controller that was refused waits up to 16 minutes from try to try, so
// that not every one comes back in time; the report says so.
const (
	settlePatience  = time.Minute
	recoverPatience = 5 * time.Minute
)

// A workload is a Deployment that a stage's actions touch.
type workload struct {
	namespace, name string
	refused         string // why the action itself was not taken
	scaled          int32  // pods that its autoscaler was told to give it; 0: it was told nothing
}

func (w workload) String() string { return title("Deployment", w.namespace, w.name) }

// acting is a cluster whose workloads a stage's actions touch.
type acting struct {
	*live
	client   *kubernetes.Clientset
	whole    []workload // have all their pods before the stage
	touched  []workload
	cordoned []string            // nodes that take no pods
	lacking  []appsv1.Deployment // lacked pods before
}

// settle notes, before the stage changes anything, which Deployments have all their pods.
func (r *rehearsal) settle(ctx context.Context, s *Stage, picked []*live) error {
	r.acting = nil
	if len(s.Actions) == 0 {
		return nil
	}
	acts := make([]*acting, len(picked))
	err := r.each(ctx, picked, func(ctx context.Context, l *live) error {
		start := time.Now()
		client, err := kubernetes.NewForConfig(l.cluster.REST())
		if err != nil {
			return err
		}
		a := &acting{live: l, client: client}
		for {
			all, err := a.deployments(ctx)
			if err != nil {
				return err
			}
			a.whole, a.lacking = nil, nil
			for _, d := range all {
				if lacks(&d) != "" {
					a.lacking = append(a.lacking, d)
					continue
				}
				a.whole = append(a.whole, workload{namespace: d.Namespace, name: d.Name})
			}
			if len(a.lacking) == 0 || time.Since(start) > settlePatience || ctx.Err() != nil {
				break
			}
			pause(ctx, 500*time.Millisecond)
		}
		acts[slices.Index(picked, l)] = a
		what := fmt.Sprintf("%d Deployments have their pods", len(a.whole))
		if len(a.lacking) > 0 {
			what += fmt.Sprintf("; %d lack some and are left alone", len(a.lacking))
			r.leaveAlone(ctx, a)
		}
		r.step(start, l.Name, what, "")
		return nil
	})
	r.acting = slices.DeleteFunc(acts, func(a *acting) bool { return a == nil })
	return err
}

// leaveAlone notes for the report which Deployments a stage's actions leave alone, by why they lack
// pods: what is not seen to be stuck before cannot be seen to get stuck.
func (r *rehearsal) leaveAlone(ctx context.Context, a *acting) {
	reasons := newTally()
	for _, d := range a.lacking {
		reasons.add(a.waitsFor(ctx, &d), title("Deployment", d.Namespace, d.Name))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line.Clusters[slices.Index(r.members, a.live)].LeftAlone = reasons.list()
}

// deployments are those outside system namespaces, by namespace and name.
func (a *acting) deployments(ctx context.Context) ([]appsv1.Deployment, error) {
	list, err := a.client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(list.Items, func(d appsv1.Deployment) bool {
		return strings.HasPrefix(d.Namespace, "kube-") || d.Namespace == "kyverno" || d.Namespace == "local-path-storage"
	})
	slices.SortFunc(all, func(x, y appsv1.Deployment) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return all, nil
}

// lacks says what the Deployment lacks of what the stage's actions made of it; empty: nothing.
func (w workload) lacks(d *appsv1.Deployment) string {
	if have := d.Spec.Replicas; w.scaled > 0 && have != nil && *have != w.scaled {
		return fmt.Sprintf("its autoscaler has not scaled it from %d to %d pods", *have, w.scaled)
	}
	return lacks(d)
}

// lacks says what a Deployment lacks of what it is to be; empty: nothing.
func lacks(d *appsv1.Deployment) string {
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	switch st := d.Status; {
	case st.ObservedGeneration < d.Generation:
		return "its controller has not seen the change"
	case st.UpdatedReplicas < want:
		return fmt.Sprintf("%d of %d pods are new", st.UpdatedReplicas, want)
	case st.AvailableReplicas < want:
		return fmt.Sprintf("%d of %d pods are available", st.AvailableReplicas, want)
	case st.Replicas > want:
		return fmt.Sprintf("%d pods of %d", st.Replicas, want)
	}
	return ""
}
