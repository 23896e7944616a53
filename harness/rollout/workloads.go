package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/scenarios"
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
}

func (w workload) String() string { return title("Deployment", w.namespace, w.name) }

// acting is a cluster whose workloads a stage's actions touch.
type acting struct {
	*live
	client    *kubernetes.Clientset
	whole     []workload // have all their pods before the stage
	touched   []workload
	cordoned  []string // nodes that take no pods
	forgotten int      // Deployments that lacked pods before
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
			a.whole, a.forgotten = nil, 0
			for _, d := range all {
				if lacks(&d) != "" {
					a.forgotten++
					continue
				}
				a.whole = append(a.whole, workload{namespace: d.Namespace, name: d.Name})
			}
			if a.forgotten == 0 || time.Since(start) > settlePatience || ctx.Err() != nil {
				break
			}
			pause(ctx, 500*time.Millisecond)
		}
		acts[slices.Index(picked, l)] = a
		what := fmt.Sprintf("%d Deployments have their pods", len(a.whole))
		if a.forgotten > 0 {
			what += fmt.Sprintf("; %d lack some and are left alone", a.forgotten)
		}
		r.step(start, l.Name, what, "")
		return nil
	})
	r.acting = slices.DeleteFunc(acts, func(a *acting) bool { return a == nil })
	return err
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

// act does the stage's actions on every cluster that it changed.
func (r *rehearsal) act(ctx context.Context, s *Stage) error {
	return r.eachActing(ctx, func(ctx context.Context, a *acting) error {
		for _, action := range s.Actions {
			start := time.Now()
			var what string
			var err error
			if action.Do == scenarios.Drain {
				what, err = a.drain(ctx, max(action.First, 1))
			} else {
				what, err = a.change(ctx, action)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", action.Do, err)
			}
			r.step(start, a.Name, what, "")
		}
		return nil
	})
}

func (r *rehearsal) eachActing(ctx context.Context, do func(context.Context, *acting) error) error {
	var members []*live
	for _, a := range r.acting {
		members = append(members, a.live)
	}
	return r.each(ctx, members, func(ctx context.Context, l *live) error {
		return do(ctx, r.acting[slices.Index(members, l)])
	})
}

// change restarts or scales Deployments. One that may not be changed is noted as refused.
func (a *acting) change(ctx context.Context, action scenarios.Action) (what string, err error) {
	var patch any
	if action.Do == scenarios.Scale {
		patch = map[string]any{"spec": map[string]any{"replicas": *action.Replicas}}
	} else {
		at := map[string]string{"kubectl.kubernetes.io/restartedAt": time.Now().UTC().Format(time.RFC3339Nano)}
		patch = map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": at}}}}
	}
	body, err := json.Marshal(patch)
	if err != nil {
		return "", err
	}
	done, refused := 0, 0
	for _, w := range a.whole {
		if action.First > 0 && done+refused == action.First {
			break
		}
		if len(action.Namespaces) > 0 && !slices.Contains(action.Namespaces, w.namespace) || len(action.Names) > 0 && !slices.Contains(action.Names, w.name) {
			continue
		}
		_, err := a.client.AppsV1().Deployments(w.namespace).Patch(ctx, w.name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: "seatrial"})
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err != nil:
			w.refused = firstLine(err.Error())
			refused++
		default:
			done++
		}
		a.touch(w)
	}
	what = fmt.Sprintf("%s of %d Deployments", action.Do, done)
	if refused > 0 {
		what += fmt.Sprintf("; %d were refused", refused)
	}
	return what, nil
}

// touch notes a workload once; a refusal stays noted.
func (a *acting) touch(w workload) {
	for i, t := range a.touched {
		if t.namespace == w.namespace && t.name == w.name {
			a.touched[i].refused = cmp.Or(t.refused, w.refused)
			return
		}
	}
	a.touched = append(a.touched, w)
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
	_, err := a.client.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "seatrial"})
	return err
}

// stuck counts the touched workloads that lack pods, and says why, for the first few.
func (r *rehearsal) stuck(ctx context.Context) (n int, note string, err error) {
	var why []string
	touched := 0
	for _, a := range r.acting {
		if a.dead != "" {
			return 0, "", fmt.Errorf("%s is lost", a.Name)
		}
		for _, w := range a.touched {
			touched++
			lack := w.refused
			if lack == "" {
				d, err := a.client.AppsV1().Deployments(w.namespace).Get(ctx, w.name, metav1.GetOptions{})
				if err != nil {
					return 0, "", fmt.Errorf("%s: %w", a.Name, err)
				}
				if lack = lacks(d); lack != "" {
					lack += a.because(ctx, d)
				}
			}
			if lack != "" {
				why = append(why, fmt.Sprintf("%s %s: %s", a.Name, w, lack))
			}
		}
	}
	if touched == 0 {
		return 0, "", errors.New("no Deployment that had its pods before was touched")
	}
	const shown = 3
	note = strings.Join(why[:min(len(why), shown)], "; ")
	if len(why) > shown {
		note += fmt.Sprintf("; and %d more", len(why)-shown)
	}
	return len(why), note, nil
}

// because is what the controllers say of a Deployment that lacks pods.
func (a *acting) because(ctx context.Context, d *appsv1.Deployment) string {
	events, err := a.client.CoreV1().Events(d.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=ReplicaSet,reason=FailedCreate"})
	if err != nil {
		return ""
	}
	count, message := int32(0), ""
	for _, e := range events.Items {
		if strings.HasPrefix(e.InvolvedObject.Name, d.Name+"-") {
			count += max(e.Count, 1)
			message = e.Message
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf(", FailedCreate %d times: %s", count, firstLine(message))
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

// recovered waits until every touched Deployment has all its pods again, and says how long that
// took after the stage was rolled back.
func (r *rehearsal) recovered(ctx context.Context) error {
	return r.eachActing(ctx, func(ctx context.Context, a *acting) error {
		start := time.Now()
		for {
			missing := ""
			for _, w := range a.touched {
				d, err := a.client.AppsV1().Deployments(w.namespace).Get(ctx, w.name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				if lack := lacks(d); lack != "" {
					missing = w.String() + ": " + lack
					break
				}
			}
			switch {
			case missing == "":
				r.step(start, a.Name, fmt.Sprintf("%d Deployments have their pods again", len(a.touched)), "")
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case time.Since(start) > recoverPatience:
				r.step(start, a.Name, "Deployments do not have their pods again", missing)
				return nil
			}
			pause(ctx, 500*time.Millisecond)
		}
	})
}
