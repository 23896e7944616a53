package rollout

import (
	"context"
	"encoding/json"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seatrial/seatrial/harness/objects"
)

// scaler scales Deployments to so many pods: one that has a HorizontalPodAutoscaler by that, which
// would undo anything else. It gets the number as its least and its most; its controller follows
// within 15 seconds and needs no metrics for it.
func (a *acting) scaler(ctx context.Context, replicas int32) (func(context.Context, *workload) error, error) {
	list, err := a.client.AutoscalingV2().HorizontalPodAutoscalers("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	autoscalers := map[[2]string]*autoscalingv2.HorizontalPodAutoscaler{}
	for i, h := range list.Items {
		if t := h.Spec.ScaleTargetRef; t.Kind == "Deployment" {
			autoscalers[[2]string{h.Namespace, t.Name}] = &list.Items[i]
		}
	}
	return func(ctx context.Context, w *workload) error {
		h := autoscalers[[2]string{w.namespace, w.name}]
		if h == nil || replicas == 0 { // none of its pods: that switches its autoscaler off
			return a.patch(ctx, w, map[string]any{"spec": map[string]any{"replicas": replicas}})
		}
		w.scaled = replicas
		body, err := json.Marshal(map[string]any{"spec": map[string]any{"minReplicas": replicas, "maxReplicas": replicas}})
		if err != nil {
			return err
		}
		_, err = a.client.AutoscalingV2().HorizontalPodAutoscalers(h.Namespace).Patch(ctx, h.Name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: objects.Manager})
		return err
	}, nil
}
