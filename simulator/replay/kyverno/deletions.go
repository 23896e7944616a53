package kyverno

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/kyverno/kyverno/pkg/background/common"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Where an object no longer triggers what generates with synchronize, Kyverno deletes what was
// made for it. It finds that by labels, with the uid of the trigger. A capture that does not show
// the trigger as a cluster has it does not show that either: there the policy is asked what it
// makes for the object as it was.

const noLonger = "the object no longer triggers the rule"

// shows tells whether the capture has an object as it is in its cluster, and with it what Kyverno
// made for it.
func (r *request) shows(trigger *unstructured.Unstructured) bool {
	uid := trigger.GetUID()
	if uid == "" || admission.IsDrawn(string(uid)) {
		return false
	}
	object, err := r.before.get(schema.GroupVersionResource(r.rec.Resource), r.rec.Namespace, trigger.GetName())
	return err == nil && (&unstructured.Unstructured{Object: object}).GetUID() == uid
}

// lacks tells whether the capture may lack an object that is in its cluster.
func (r *request) lacks(content []byte) bool {
	object := &unstructured.Unstructured{}
	if object.UnmarshalJSON(content) != nil {
		return true
	}
	gvr, _, ok := r.look.resourceFor(object.GroupVersionKind())
	if !ok {
		return true
	}
	_, err := r.look.get(gvr, object.GetNamespace(), object.GetName())
	return errors.Is(err, errUnknown)
}

// madeNothing is what is not known where a policy does not make any more what it made.
func madeNothing(why string) *miss {
	return &miss{reason: "what was generated for the object is not in the capture, and now it could not be: " + why, resolve: "capture the cluster"}
}

// deletion is the end of an object.
func deletion(policy verdict.PolicyRef, rule string, object *unstructured.Unstructured) verdict.Generated {
	content, _ := json.Marshal(object.Object) // it was decoded from JSON
	return verdict.Generated{Policy: policy, Rule: rule, Target: targetName(*object), Object: content, Deleted: true}
}

// withDeletions adds deletions, each target once.
func withDeletions(all, more []verdict.Generated) []verdict.Generated {
	there := map[string]bool{}
	for _, g := range all {
		there[g.Target] = true
	}
	for _, g := range more {
		if !there[g.Target] {
			there[g.Target], all = true, append(all, g)
		}
	}
	return all
}

// byPolicies are the objects of a world that generating policies made, by the policy's name.
var byPolicies sync.Map // *capture.World → func() map[string][]made

// madeBy are the objects that the world shows as made by a policy for a trigger.
func (r *request) madeBy(policy, uid string) (found []*unstructured.Unstructured) {
	w, ok := r.look.(world)
	if !ok || uid == "" || admission.IsDrawn(uid) {
		return nil
	}
	read, _ := byPolicies.LoadOrStore(w.Latest(), sync.OnceValue(func() map[string][]made { return generatedIn(w.Latest()) }))
	for _, m := range read.(func() map[string][]made)()[policy] {
		if m.object.GetLabels()[common.GenerateTriggerUIDLabel] != uid {
			continue
		}
		gvr, _, _ := w.Resources.ResourceFor(capture.GVK(m.object.GroupVersionKind()))
		if there, _ := w.Get(gvr, m.object.GetNamespace(), m.object.GetName()); there == m.as {
			found = append(found, m.object)
		}
	}
	return found
}

// made is an object that a policy made, in one of its versions.
type made struct {
	as     *capture.WorldObject
	object *unstructured.Unstructured
}

func generatedIn(w *capture.World) map[string][]made {
	found := map[string][]made{}
	w.Versions(func(o *capture.WorldObject) {
		object := &unstructured.Unstructured{}
		if !bytes.Contains(o.Object, []byte(common.GeneratePolicyLabel)) || object.UnmarshalJSON(o.Object) != nil {
			return
		}
		if policy := object.GetLabels()[common.GeneratePolicyLabel]; policy != "" {
			found[policy] = append(found[policy], made{o, object})
		}
	})
	for _, all := range found {
		slices.SortStableFunc(all, func(a, b made) int { return cmp.Compare(targetName(*a.object), targetName(*b.object)) })
	}
	return found
}
