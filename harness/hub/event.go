package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
)

// Event does to the hub what the event says happens.
func (k *KubeFleet) Event(ctx context.Context, e placement.Event) error {
	if e.Subject == "hub" {
		if e.Verb == "down" {
			return k.Stop(ctx, scenarios.StopHub, "")
		}
		return k.Resume(ctx, scenarios.StopHub, "")
	}
	switch e.Verb {
	case "approve":
		return k.approve(ctx, e.Subject, e.Args[0])
	case "stop":
		return k.setState(ctx, e.Subject, "Stop")
	case "resume":
		return k.setState(ctx, e.Subject, "Run")
	}
	return k.memberEvent(ctx, e)
}

// memberEvent does to a member what the event says.
func (k *KubeFleet) memberEvent(ctx context.Context, e placement.Event) error {
	m := k.members[e.Subject]
	if m == nil {
		return fmt.Errorf("event %q: the fleet has no cluster %q", e.Text, e.Subject)
	}
	switch e.Verb {
	case "joins":
		joined := *m
		joined.Labels = map[string]string{}
		setPairs(joined.Labels, e.Args, "")
		return k.join(ctx, &joined)
	case "leaves": // takes until its agent has let go
		return k.hub.Remove(ctx, named(fleetGroup+"/v1beta1", "MemberCluster", "", m.Name))
	case "unhealthy":
		return k.launcher.end(ctx, m.Name)
	case "healthy":
		return k.startAgent(ctx, m)
	case "label":
		labels := map[string]any{}
		setPairs(labels, e.Args, nil)
		return k.patchMember(ctx, m.Name, map[string]any{"metadata": map[string]any{"labels": labels}})
	case "taint", "untaint":
		return k.taint(ctx, m.Name, e.Verb == "taint", e.Args[0])
	}
	return fmt.Errorf("event %q: driver %s cannot make it happen", e.Text, k.Name())
}

// setPairs reads KEY=VALUE, and KEY- as the value none.
func setPairs[T any](into map[string]T, args []string, none T) {
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if v, is := any(value).(T); ok && is {
			into[key] = v
		} else {
			into[strings.TrimSuffix(arg, "-")] = none
		}
	}
}

func (k *KubeFleet) patchMember(ctx context.Context, member string, patch map[string]any) error {
	content, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	r, err := k.hub.Resource(named(fleetGroup+"/v1beta1", "MemberCluster", "", member))
	if err != nil {
		return err
	}
	_, err = r.Patch(ctx, member, types.MergePatchType, content, metav1.PatchOptions{FieldManager: objects.Manager})
	return err
}

// taint adds a taint written as key=value:NoSchedule, or takes one away.
func (k *KubeFleet) taint(ctx context.Context, member string, add bool, written string) error {
	pair, effect, ok := strings.Cut(written, ":")
	if !ok {
		effect = "NoSchedule"
	}
	key, value, _ := strings.Cut(pair, "=")
	got, err := k.hub.Get(ctx, named(fleetGroup+"/v1beta1", "MemberCluster", "", member))
	if err != nil || got == nil {
		return fmt.Errorf("taint %s: the hub has no such member (%v)", member, err)
	}
	taints, _, _ := unstructured.NestedSlice(got.Object, "spec", "taints")
	taints = slices.DeleteFunc(taints, func(t any) bool { return t.(map[string]any)["key"] == key })
	if add {
		taints = append(taints, map[string]any{"key": key, "value": value, "effect": effect})
	}
	return k.patchMember(ctx, member, map[string]any{"spec": map[string]any{"taints": taints}})
}

// runResource is where staged update runs or their approvals are: "run" is cluster-scoped,
// "namespace/run" is not.
func (k *KubeFleet) runResource(run, clusterScoped, namespaced string) (r dynamic.ResourceInterface, name string) {
	namespace, name, ok := strings.Cut(run, "/")
	if !ok {
		return k.hub.Dynamic.Resource(fleetResource(clusterScoped)), run
	}
	return k.hub.Dynamic.Resource(fleetResource(namespaced)).Namespace(namespace), name
}

// setState stops a run, or lets it run.
func (k *KubeFleet) setState(ctx context.Context, run, state string) error {
	r, name := k.runResource(run, "clusterstagedupdateruns", "stagedupdateruns")
	_, err := r.Patch(ctx, name, types.MergePatchType, []byte(`{"spec":{"state":"`+state+`"}}`), metav1.PatchOptions{FieldManager: objects.Manager})
	return err
}

// approve approves the request of a stage, which is there once the stage waits for it.
func (k *KubeFleet) approve(ctx context.Context, run, stage string) error {
	r, name := k.runResource(run, "clusterapprovalrequests", "approvalrequests")
	return retry(ctx, agentPatience, 100*time.Millisecond, func(ctx context.Context) error {
		var last error
		for _, when := range []string{"after", "before"} {
			request := fmt.Sprintf("%s-%s-%s", name, when, stage)
			got, err := r.Get(ctx, request, metav1.GetOptions{})
			if err != nil {
				if last == nil {
					last = fmt.Errorf("approval request %s: %w", request, err)
				}
				continue
			}
			if c := conditionOf(got.Object, "Approved"); c["status"] == "True" {
				return nil
			}
			return k.approveOne(ctx, r, got)
		}
		return last
	})
}

// Finish approves what a run still asks for, and waits until it has ended.
func (k *KubeFleet) Finish(ctx context.Context, run string) error {
	requests, name := k.runResource(run, "clusterapprovalrequests", "approvalrequests")
	return retry(ctx, agentPatience, 250*time.Millisecond, func(ctx context.Context) error {
		list, err := requests.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			r := &list.Items[i]
			of, _, _ := unstructured.NestedString(r.Object, "spec", "parentStageRollout")
			if of == name && conditionOf(r.Object, "Approved")["status"] != "True" {
				if err := k.approveOne(ctx, requests, r); err != nil {
					return err
				}
			}
		}
		runs, err := k.Runs(ctx)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if r.Name == run && r.State != "succeeded" && r.State != "failed" {
				return fmt.Errorf("run %s is %s: %s", run, r.State, r.Message)
			}
		}
		return nil
	})
}

func (k *KubeFleet) approveOne(ctx context.Context, r dynamic.ResourceInterface, request *unstructured.Unstructured) error {
	content, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []any{map[string]any{
		"type": "Approved", "status": "True", "observedGeneration": request.GetGeneration(),
		"reason": "GatePassed", "message": "the gate of the rehearsal passed",
		"lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}}}})
	if err != nil {
		return err
	}
	_, err = r.Patch(ctx, request.GetName(), types.MergePatchType, content, metav1.PatchOptions{FieldManager: objects.Manager}, "status")
	return err
}
