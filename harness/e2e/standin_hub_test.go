package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"syscall"

	jsonpatch "github.com/evanphx/json-patch/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/seatrial/seatrial/harness/objects"
)

var listAll = metav1.ListOptions{}

// standInHub is the hub's stand-in with what it remembers.
type standInHub struct {
	*objects.Client
	deaf      bool // to overrides
	snapshots [][]unstructured.Unstructured
	index     map[string]int // of the snapshot of each run
	stage     map[string]int // of each run that is under way
}

// hubAgent joins members and walks staged runs.
func hubAgent(kubeconfig string) func(context.Context) error {
	h := &standInHub{Client: clientOf(kubeconfig), deaf: filepath.Base(os.Args[0]) == "hubagent-deaf", index: map[string]int{}, stage: map[string]int{}}
	signal.Ignore(syscall.SIGTERM) // the real one does not end either when it is asked to
	return func(ctx context.Context) error {
		members, err := h.members(ctx)
		if err != nil {
			return err
		}
		if err := h.schedule(ctx, members); err != nil {
			return err
		}
		runs, err := h.list(ctx, "placement", "clusterstagedupdateruns")
		if err != nil {
			return err
		}
		for i := range runs {
			if err := h.run(ctx, &runs[i], members); err != nil {
				return err
			}
		}
		return nil
	}
}

func (h *standInHub) list(ctx context.Context, group, plural string) ([]unstructured.Unstructured, error) {
	l, err := h.Dynamic.Resource(resource(group, plural)).List(ctx, listAll)
	if err != nil {
		return nil, err
	}
	sort.Slice(l.Items, func(i, j int) bool { return l.Items[i].GetName() < l.Items[j].GetName() })
	return l.Items, nil
}

// members gives each member its namespace and rights, and says who has joined.
func (h *standInHub) members(ctx context.Context) ([]unstructured.Unstructured, error) {
	list, err := h.list(ctx, "cluster", "memberclusters")
	for i := range list {
		m := &list[i]
		namespace := "fleet-member-" + m.GetName()
		identity, _, _ := unstructured.NestedMap(m.Object, "spec", "identity")
		binding := object("rbac.authorization.k8s.io/v1", "RoleBinding", namespace, "fleet-rolebinding-"+m.GetName())
		binding.Object["roleRef"] = map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
		binding.Object["subjects"] = []any{identity}
		for _, o := range []*unstructured.Unstructured{object("v1", "Namespace", "", namespace), binding} {
			if err := h.Create(ctx, o); err != nil {
				return nil, err
			}
		}
		alive, err := h.Get(ctx, object("v1", "ConfigMap", namespace, "alive"))
		if err != nil || alive == nil {
			continue
		}
		if err := condition(ctx, h.Dynamic.Resource(resource("cluster", "memberclusters")), m, "Joined", "True", "MemberClusterJoined", ""); err != nil {
			return nil, err
		}
	}
	return list, err
}

// schedule picks every member for every placement; the deaf one does not say the last.
func (h *standInHub) schedule(ctx context.Context, members []unstructured.Unstructured) error {
	placements, err := h.list(ctx, "placement", "clusterresourceplacements")
	if err != nil {
		return err
	}
	var targets []any
	for i, m := range members {
		if h.deaf && i == len(members)-1 {
			continue
		}
		targets = append(targets, map[string]any{"clusterName": m.GetName(), "selected": true,
			"reason": fmt.Sprintf("Successfully scheduled resources for placement in %q (affinity score: 0, topology spread score: 0): picked by scheduling policy", m.GetName())})
	}
	r := h.Dynamic.Resource(resource("placement", "clusterschedulingpolicysnapshots"))
	for _, p := range placements {
		s := object("placement.kubernetes-fleet.io/v1beta1", "ClusterSchedulingPolicySnapshot", "", p.GetName()+"-0")
		s.SetLabels(map[string]string{"kubernetes-fleet.io/parent-CRP": p.GetName(), "kubernetes-fleet.io/is-latest-snapshot": "true"})
		if err := h.Create(ctx, s); err != nil {
			return err
		}
		got, err := h.Get(ctx, s)
		if err != nil || got == nil {
			return err
		}
		status := map[string]any{"targetClusters": targets, "conditions": []any{map[string]any{"type": "Scheduled", "status": "True", "reason": "SchedulingPolicyFulfilled", "observedGeneration": got.GetGeneration()}}}
		if text(got.Object["status"]) == text(status) {
			continue
		}
		got.Object["status"] = status
		if _, err := r.UpdateStatus(ctx, got, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// run takes a run as far as it can go.
func (h *standInHub) run(ctx context.Context, run *unstructured.Unstructured, members []unstructured.Unstructured) error {
	name := run.GetName()
	runs := h.Dynamic.Resource(resource("placement", "clusterstagedupdateruns"))
	text := func(field string) string { s, _, _ := unstructured.NestedString(run.Object, "spec", field); return s }
	switch {
	case hasCondition(run, "Succeeded", "True") || text("state") == "" || text("state") == "Initialize":
		return nil
	case text("state") == "Stop":
		return condition(ctx, runs, run, "Progressing", "False", "UpdateRunStopped", "")
	}
	if _, known := h.index[name]; !known {
		if err := h.initialize(ctx, name, text("resourceSnapshotIndex")); err != nil {
			return err
		}
	}
	strategy, err := h.Dynamic.Resource(resource("placement", "clusterstagedupdatestrategies")).Get(ctx, text("stagedRolloutStrategyName"), metav1.GetOptions{})
	if err != nil {
		return err
	}
	stages, _, _ := unstructured.NestedSlice(strategy.Object, "spec", "stages")
	for h.stage[name] < len(stages) {
		stage := stages[h.stage[name]].(map[string]any)
		done, err := h.ship(ctx, name, stage, members)
		if err != nil || !done {
			return err
		}
		h.stage[name]++
	}
	return condition(ctx, runs, run, "Succeeded", "True", "UpdateRunSucceeded", "")
}

// initialize freezes which snapshot a run ships: an older one, or what the hub has now.
func (h *standInHub) initialize(ctx context.Context, run, index string) error {
	if index != "" {
		n, err := strconv.Atoi(index)
		h.index[run] = n
		return err
	}
	policies := schema.GroupVersionResource{Group: "kyverno.io", Version: "v1", Resource: "clusterpolicies"}
	now, err := h.Dynamic.Resource(policies).List(ctx, metav1.ListOptions{LabelSelector: "from=hub"})
	if err != nil {
		return err
	}
	for i := range now.Items {
		o := &now.Items[i]
		for _, field := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"} {
			unstructured.RemoveNestedField(o.Object, "metadata", field)
		}
		delete(o.Object, "status")
	}
	if n := len(h.snapshots); n == 0 || text(h.snapshots[n-1]) != text(now.Items) {
		h.snapshots = append(h.snapshots, now.Items)
	}
	h.index[run] = len(h.snapshots) - 1
	return nil
}

func text(v any) string { content, _ := json.Marshal(v); return string(content) }

// ship brings the snapshot to the clusters of a stage and says whether they have it and
// whether the stage is approved.
func (h *standInHub) ship(ctx context.Context, run string, stage map[string]any, members []unstructured.Unstructured) (done bool, err error) {
	done = true
	for _, m := range members {
		if !matches(stage["labelSelector"], m.GetLabels()) {
			continue
		}
		applied, err := h.write(ctx, run, &m)
		if err != nil {
			return false, err
		}
		done = done && applied
	}
	tasks, _ := stage["afterStageTasks"].([]any)
	if !done || !slices.ContainsFunc(tasks, func(t any) bool { return t.(map[string]any)["type"] == "Approval" }) {
		return done, nil
	}
	request := object("placement.kubernetes-fleet.io/v1beta1", "ClusterApprovalRequest", "", run+"-after-"+stage["name"].(string))
	request.Object["spec"] = map[string]any{"parentStageRollout": run, "targetStage": stage["name"]}
	if err := h.Create(ctx, request); err != nil {
		return false, err
	}
	got, err := h.Get(ctx, request)
	return got != nil && hasCondition(got, "Approved", "True"), err
}

func matches(selector any, have map[string]string) bool {
	var s metav1.LabelSelector
	written, _ := selector.(map[string]any)
	if runtime.DefaultUnstructuredConverter.FromUnstructured(written, &s) != nil {
		return false
	}
	m, err := metav1.LabelSelectorAsSelector(&s)
	return err == nil && m.Matches(labels.Set(have))
}

// write writes a member's Work and says whether its agent has applied it.
func (h *standInHub) write(ctx context.Context, run string, m *unstructured.Unstructured) (applied bool, err error) {
	overrides, err := h.list(ctx, "placement", "clusterresourceoverrides")
	if err != nil {
		return false, err
	}
	var manifests []any
	for _, o := range h.snapshots[h.index[run]] {
		content, err := h.overridden(&o, overrides, m.GetLabels())
		if err != nil {
			return false, err
		}
		manifests = append(manifests, content)
	}
	w := object("placement.kubernetes-fleet.io/v1beta1", "Work", "fleet-member-"+m.GetName(), "policies-work")
	w.Object["spec"] = map[string]any{"workload": map[string]any{"manifests": manifests}}
	old, err := h.Get(ctx, w)
	if err != nil {
		return false, err
	}
	if old == nil || text(old.Object["spec"]) != text(w.Object["spec"]) {
		return false, h.Apply(ctx, w)
	}
	return hasCondition(old, "Applied", "True"), nil
}

func (h *standInHub) overridden(o *unstructured.Unstructured, overrides []unstructured.Unstructured, have map[string]string) (map[string]any, error) {
	content, err := o.MarshalJSON()
	if err != nil {
		return nil, err
	}
	for _, override := range overrides {
		rules, _, _ := unstructured.NestedSlice(override.Object, "spec", "policy", "overrideRules")
		for _, r := range rules {
			terms, _, _ := unstructured.NestedSlice(r.(map[string]any), "clusterSelector", "clusterSelectorTerms")
			if h.deaf || !slices.ContainsFunc(terms, func(t any) bool { return matches(t.(map[string]any)["labelSelector"], have) }) {
				continue
			}
			patch, err := jsonpatch.DecodePatch([]byte(text(r.(map[string]any)["jsonPatchOverrides"])))
			if err != nil {
				return nil, err
			}
			if content, err = patch.Apply(content); err != nil {
				return nil, err
			}
		}
	}
	var out map[string]any
	return out, json.Unmarshal(content, &out)
}

func hasCondition(o *unstructured.Unstructured, name, status string) bool {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	generation := o.GetGeneration()
	return slices.ContainsFunc(list, func(x any) bool {
		c := x.(map[string]any)
		seen, _ := c["observedGeneration"].(int64)
		return c["type"] == name && c["status"] == status && seen == generation
	})
}

// condition sets a condition for the object's generation, unless it is there.
func condition(ctx context.Context, r dynamic.ResourceInterface, o *unstructured.Unstructured, name, status, reason, message string) error {
	if hasCondition(o, name, status) {
		return nil
	}
	next := o.DeepCopy()
	_ = unstructured.SetNestedSlice(next.Object, []any{map[string]any{"type": name, "status": status, "reason": reason, "message": message, "observedGeneration": o.GetGeneration()}}, "status", "conditions")
	_, err := r.UpdateStatus(ctx, next, metav1.UpdateOptions{})
	return err
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}
