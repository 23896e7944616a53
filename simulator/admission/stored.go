package admission

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/kubernetes/pkg/apis/core"

	"github.com/seatrial/seatrial/simulator/capture"
)

// What an API server draws for an object, of the right length and form.
const (
	drawnUID     = "00000000-0000-0000-0000-000000000000"
	drawnSuffix  = "xxxxx" // of a generated name
	drawnAddress = "10.96.0.10"
	drawnPort    = 30000
)

// IsDrawn tells whether a uid stands for one that an API server would draw.
func IsDrawn(uid string) bool { return uid == drawnUID }

// Generated is the name that an object gets which is created without one.
func Generated(prefix string) string {
	const longest = 63 - len(drawnSuffix)
	return prefix[:min(len(prefix), longest)] + drawnSuffix
}

// Stored returns an object as webhooks that validate get it: between mutation and
// validation an API server makes it what it would store. It draws a name and an identity,
// counts generations, lets nobody but controllers write a status, and fills in what follows
// from the rest. Names and addresses that are drawn are placeholders here.
func Stored(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	if rec.SubResource != "" || len(object) == 0 || rec.Operation != capture.Create && rec.Operation != capture.Update {
		return object, nil
	}
	if rec.Operation == capture.Update && len(rec.OldObject) == 0 {
		return object, nil
	}
	gvk := schema.GroupVersionKind(rec.Kind)
	if !known().Recognizes(gvk) {
		return storedCustom(w, rec, object)
	}
	s, ok := strategyFor(rec)
	if !ok {
		s = plain{}
	}
	after, err := decode(object, gvk)
	if err != nil {
		return nil, err
	}
	if rec.Operation == capture.Create {
		err = stored(s, rec, after)
	} else {
		err = storedUpdate(s, rec, after)
	}
	if err != nil {
		return nil, err
	}
	return encode(after, gvk)
}

// stored makes a new object what an API server would store.
func stored(s strategy, rec *capture.Record, object runtime.Object) error {
	o, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	at := timeOf(rec)
	identified(o, at)
	o.SetResourceVersion("")
	o.SetGeneration(0)
	if service, ok := object.(*core.Service); ok {
		addressed(service)
	}
	s.PrepareForCreate(contextOf(rec), object)
	if volume, ok := object.(*core.PersistentVolume); ok && volume.Status.LastPhaseTransitionTime != nil {
		volume.Status.LastPhaseTransitionTime = &at // by its own clock
	}
	s.Canonicalize(object)
	return nil
}

// storedUpdate does so with an object that is there already.
func storedUpdate(s strategy, rec *capture.Record, object runtime.Object) error {
	before, err := decode(rec.OldObject, schema.GroupVersionKind(rec.Kind))
	if err != nil {
		return nil //nolint:nilerr // it was stored, by another version of Kubernetes
	}
	o, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	old, err := meta.Accessor(before)
	if err != nil {
		return err
	}
	o.SetGeneration(old.GetGeneration())
	s.PrepareForUpdate(contextOf(rec), object, before)
	if o.GetUID() == "" {
		o.SetUID(old.GetUID())
	}
	if at := old.GetCreationTimestamp(); !at.IsZero() {
		o.SetCreationTimestamp(at)
	}
	if at := old.GetDeletionTimestamp(); !at.IsZero() {
		o.SetDeletionTimestamp(at)
	}
	s.Canonicalize(object)
	return nil
}

// identified gives a new object a name and an identity.
func identified(o metav1.Object, at metav1.Time) {
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(Generated(o.GetGenerateName()))
	}
	o.SetUID(drawnUID)
	o.SetCreationTimestamp(at)
	o.SetDeletionTimestamp(nil)
	o.SetDeletionGracePeriodSeconds(nil)
}

// timeOf is when a request was made; the start of time where nobody knows.
func timeOf(rec *capture.Record) metav1.Time {
	if rec.Time == nil {
		return metav1.NewTime(time.Unix(0, 0).UTC())
	}
	return metav1.NewTime(rec.Time.UTC())
}

// storedCustom does so with a custom resource.
func storedCustom(w *capture.World, rec *capture.Record, object json.RawMessage) (json.RawMessage, error) {
	after, before := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(object, &after.Object); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	if after.Object["metadata"] == nil {
		return object, nil
	}
	own := hasStatus(w, rec)
	if rec.Operation == capture.Create {
		identified(after, timeOf(rec))
		after.SetResourceVersion("")
		after.SetGeneration(1)
		if own {
			delete(after.Object, "status")
		}
		return json.Marshal(after.Object)
	}
	if err := utiljson.Unmarshal(rec.OldObject, &before.Object); err != nil {
		return nil, fmt.Errorf("decode the old object: %w", err)
	}
	keepIdentity(after.Object, before.Object)
	if own && before.Object["status"] != nil {
		after.Object["status"] = before.Object["status"]
	}
	return json.Marshal(after.Object)
}

// keepIdentity keeps what no update of a custom resource changes, and counts its generation.
func keepIdentity(after, before map[string]any) {
	now, _ := after["metadata"].(map[string]any)
	old, _ := before["metadata"].(map[string]any)
	if now == nil {
		return
	}
	if now["uid"] == nil && old["uid"] != nil {
		now["uid"] = old["uid"]
	}
	for _, field := range []string{"creationTimestamp", "generation"} {
		if old[field] != nil {
			now[field] = old[field]
		}
	}
	if n, ok := old["generation"].(int64); ok && !reflect.DeepEqual(after["spec"], before["spec"]) {
		now["generation"] = n + 1
	}
}

// hasStatus tells whether a custom resource has a status of its own.
func hasStatus(w *capture.World, rec *capture.Record) bool {
	type definition struct {
		Spec struct {
			Versions []struct {
				Name         string `json:"name"`
				Subresources struct {
					Status *struct{} `json:"status"`
				} `json:"subresources"`
			} `json:"versions"`
		} `json:"spec"`
	}
	crd := named[definition](w, "apiextensions.k8s.io", "customresourcedefinitions", "", rec.Resource.Resource+"."+rec.Resource.Group)
	if crd == nil {
		return false
	}
	for _, v := range crd.Spec.Versions {
		if v.Name == rec.Kind.Version {
			return v.Subresources.Status != nil
		}
	}
	return false
}

// addressed gives a service its address, its families and its ports on nodes, as the
// allocators of an API server do.
func addressed(s *core.Service) {
	spec := &s.Spec
	if spec.Type == core.ServiceTypeExternalName {
		return
	}
	headless := spec.ClusterIP == core.ClusterIPNone
	if spec.ClusterIP == "" {
		spec.ClusterIP = drawnAddress
	}
	if len(spec.ClusterIPs) == 0 {
		spec.ClusterIPs = []string{spec.ClusterIP}
	}
	policy, families := core.IPFamilyPolicySingleStack, []core.IPFamily{core.IPv4Protocol}
	if headless && len(spec.Selector) == 0 {
		policy, families = core.IPFamilyPolicyRequireDualStack, []core.IPFamily{core.IPv4Protocol, core.IPv6Protocol}
	}
	if spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = &policy
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = families
	}
	balances := spec.Type == core.ServiceTypeLoadBalancer
	if balances && spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal && spec.HealthCheckNodePort == 0 {
		spec.HealthCheckNodePort = drawnPort + int32(len(spec.Ports))
	}
	if spec.Type != core.ServiceTypeNodePort && (!balances || spec.AllocateLoadBalancerNodePorts != nil && !*spec.AllocateLoadBalancerNodePorts) {
		return
	}
	for i := range spec.Ports {
		if spec.Ports[i].NodePort == 0 {
			spec.Ports[i].NodePort = drawnPort + int32(i)
		}
	}
}
