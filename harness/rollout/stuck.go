package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
				if lack = w.lacks(d); lack != "" {
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
		return a.waiting(ctx, d)
	}
	return fmt.Sprintf(", FailedCreate %d times: %s", count, firstLine(message))
}

// waiting is why a pod of a Deployment does not run, with what is said about it; empty: nobody says.
func (a *acting) waiting(ctx context.Context, d *appsv1.Deployment) string {
	what, said := a.waits(ctx, d)
	if what == "" {
		return ""
	}
	return ", " + what + ": " + firstLine(said)
}

// waitsFor is the same in few words.
func (a *acting) waitsFor(ctx context.Context, d *appsv1.Deployment) string {
	what, _ := a.waits(ctx, d)
	return cmp.Or(what, "its pods are not ready")
}

func (a *acting) waits(ctx context.Context, d *appsv1.Deployment) (what, said string) {
	pods, err := a.client.CoreV1().Pods(d.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
	if err != nil {
		return "", ""
	}
	for _, p := range pods.Items {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				return "a pod is not scheduled", c.Message
			}
		}
		for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			if w := s.State.Waiting; w != nil && w.Reason != "PodInitializing" && w.Reason != "ContainerCreating" {
				return "container " + s.Name + " waits, " + w.Reason, w.Message
			}
		}
	}
	return "", ""
}

// recovered waits until every touched Deployment has all its pods again, and says how long that
// took after the stage was rolled back.
func (r *rehearsal) recovered(ctx context.Context) error {
	return r.eachActing(ctx, func(ctx context.Context, a *acting) error {
		start := time.Now()
		for {
			missing := ""
			var lacking *appsv1.Deployment
			for _, w := range a.touched {
				d, err := a.client.AppsV1().Deployments(w.namespace).Get(ctx, w.name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				if lack := w.lacks(d); lack != "" {
					missing, lacking = w.String()+": "+lack, d
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
				r.step(start, a.Name, "Deployments do not have their pods again", missing+a.waiting(ctx, lacking))
				return nil
			}
			pause(ctx, 500*time.Millisecond)
		}
	})
}
