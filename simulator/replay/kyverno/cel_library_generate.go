package kyverno

import (
	"errors"
	"fmt"
	"slices"

	kyvernocommon "github.com/kyverno/kyverno/api/kyverno"
	"github.com/kyverno/kyverno/pkg/background/common"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// SetGenerateContext keeps what Kyverno's background controller would write on what is generated.
func (l *library) SetGenerateContext(policy, policyNamespace, name, namespace, version, group, kind, uid string, _, apply bool) {
	l.apply = apply
	l.policyNS = policyNamespace
	l.trigger = map[string]string{
		kyvernocommon.LabelAppManagedBy:    kyvernocommon.ValueKyvernoApp,
		common.GeneratePolicyLabel:         policy,
		common.GenerateTriggerNameLabel:    name,
		common.GenerateTriggerNSLabel:      namespace,
		common.GenerateTriggerUIDLabel:     uid,
		common.GenerateTriggerKindLabel:    kind,
		common.GenerateTriggerGroupLabel:   group,
		common.GenerateTriggerVersionLabel: version,
	}
}

// GenerateResources keeps what a policy generates, in the form in which Kyverno's
// background controller would create it.
func (l *library) GenerateResources(namespace string, content []map[string]any) error {
	for _, data := range content {
		resource := &unstructured.Unstructured{Object: data}
		items := []*unstructured.Unstructured{resource}
		if resource.IsList() {
			list, err := resource.ToList()
			if err != nil {
				return err
			}
			items = items[:0]
			for i := range list.Items {
				items = append(items, &list.Items[i])
			}
		}
		for _, item := range items {
			if err := l.generate(namespace, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *library) generate(namespace string, item *unstructured.Unstructured) error {
	gvr, namespaced, known := l.req.look.resourceFor(item.GroupVersionKind())
	if known && !namespaced {
		if namespace != "" && l.policyNS != "" {
			return fmt.Errorf("cross-scope generation denied: a policy scoped to namespace %q cannot generate cluster-scoped resource %s/%s", namespace, item.GetAPIVersion(), item.GetKind())
		}
		namespace = ""
	}
	if from := item.GetNamespace(); from != "" && from != namespace {
		item.SetOwnerReferences(nil)
	}
	added := map[string]string{}
	for key, value := range item.GetLabels() {
		added[key] = value
	}
	for key, value := range l.trigger {
		added[key] = value
	}
	if item.GetResourceVersion() != "" {
		added[common.GenerateSourceUIDLabel] = string(item.GetUID())
	}
	item.SetLabels(added)
	for _, field := range []string{"uid", "selfLink", "creationTimestamp", "managedFields", "resourceVersion"} {
		unstructured.RemoveNestedField(item.Object, "metadata", field)
	}
	item.SetNamespace(namespace)
	var there *unstructured.Unstructured
	if known {
		there = l.there(gvr, item)
	}
	if there != nil && !l.made(there) {
		return nil // Kyverno leaves it alone
	}
	if there != nil {
		before, _ := capture.Withheld(there.Object)
		if after, _ := capture.Withheld(item.Object); before && !after {
			l.req.unlike(there.Object)
		}
	}
	if l.apply {
		merged, err := l.req.applied(there, item)
		if err != nil {
			return err
		}
		item = merged
	}
	l.generated = append(l.generated, item)
	return nil
}

// made tells whether an object is one that this policy made for this trigger. Where the uid of the
// trigger is not known, one that it made for a trigger of that name may be.
func (l *library) made(there *unstructured.Unstructured) bool {
	found := there.GetLabels()
	same := func(labels ...string) bool {
		return !slices.ContainsFunc(labels, func(label string) bool { return found[label] != l.trigger[label] })
	}
	if !same(kyvernocommon.LabelAppManagedBy, common.GeneratePolicyLabel) {
		return false
	}
	if same(common.GenerateTriggerUIDLabel) {
		return true
	}
	if uid := l.triggerUID(); uid != "" {
		return found[common.GenerateTriggerUIDLabel] == uid
	}
	if !same(common.GenerateTriggerNameLabel, common.GenerateTriggerNSLabel, common.GenerateTriggerKindLabel) {
		return false
	}
	l.req.misses.add("whether "+targetName(*there)+" was made for the object or for one before it of that name is not known", "capture the cluster")
	return true
}

// triggerUID is the uid of the trigger, or of what the capture shows in its place; "" where that is
// not known.
func (l *library) triggerUID() string {
	if uid := l.trigger[common.GenerateTriggerUIDLabel]; uid != "" && !admission.IsDrawn(uid) {
		return uid
	}
	shown, err := l.req.look.get(schema.GroupVersionResource(l.req.adm.Resource), l.trigger[common.GenerateTriggerNSLabel], l.trigger[common.GenerateTriggerNameLabel])
	if err != nil {
		return ""
	}
	return string((&unstructured.Unstructured{Object: shown}).GetUID())
}

// there is the object that exists by the name of another; one that the capture does not know is
// taken to be absent, unless something would be merged into it.
func (l *library) there(gvr schema.GroupVersionResource, item *unstructured.Unstructured) *unstructured.Unstructured {
	existing, err := l.req.look.get(gvr, item.GetNamespace(), item.GetName())
	if l.apply && errors.Is(err, errUnknown) {
		l.req.unseen(item.GetKind(), item.GetNamespace(), item.GetName())
	}
	if err != nil {
		return nil
	}
	return &unstructured.Unstructured{Object: existing}
}
