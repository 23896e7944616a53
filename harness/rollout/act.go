package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/scenarios"
)

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
	do := a.restart
	if action.Do == scenarios.Scale {
		if do, err = a.scaler(ctx, int32(*action.Replicas)); err != nil {
			return "", err
		}
	}
	done, refused, scalers := 0, 0, 0
	for _, w := range a.whole {
		if action.First > 0 && done+refused == action.First {
			break
		}
		if len(action.Namespaces) > 0 && !slices.Contains(action.Namespaces, w.namespace) || len(action.Names) > 0 && !slices.Contains(action.Names, w.name) {
			continue
		}
		err := do(ctx, &w)
		if w.scaled > 0 {
			scalers++
		}
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
	if scalers > 0 {
		what += fmt.Sprintf(", %d by their autoscalers", scalers)
	}
	if refused > 0 {
		what += fmt.Sprintf("; %d were refused", refused)
	}
	return what, nil
}

// touch notes a workload once; a refusal stays noted, and so does what its autoscaler was told.
func (a *acting) touch(w workload) {
	for i, t := range a.touched {
		if t.namespace == w.namespace && t.name == w.name {
			a.touched[i].refused, a.touched[i].scaled = cmp.Or(t.refused, w.refused), cmp.Or(w.scaled, t.scaled)
			return
		}
	}
	a.touched = append(a.touched, w)
}

// restart replaces a Deployment's pods, as kubectl rollout restart does.
func (a *acting) restart(ctx context.Context, w *workload) error {
	at := map[string]string{"kubectl.kubernetes.io/restartedAt": time.Now().UTC().Format(time.RFC3339Nano)}
	return a.patch(ctx, w, map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": at}}}})
}

func (a *acting) patch(ctx context.Context, w *workload, patch map[string]any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = a.client.AppsV1().Deployments(w.namespace).Patch(ctx, w.name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: objects.Manager})
	return err
}
