package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// client is how the rehearsal changes a cluster.
type client struct {
	*objects.Client
	patience time.Duration // with policies that do not get ready; 0: readyPatience
}

func newClient(cfg *rest.Config) (*client, error) {
	c, err := objects.New(cfg)
	return &client{Client: c}, err
}

// leftOut are kinds of a captured world that a rehearsal must not have: they would call
// what is not there, or belong to nodes, or are written by controllers that run here too.
var leftOut = map[string]string{
	"ValidatingWebhookConfiguration": "would call services that are not here",
	"MutatingWebhookConfiguration":   "would call services that are not here",
	"APIService":                     "would call services that are not here",
	"Event":                          "is noise", "Lease": "belongs to a process that is not here",
	"Endpoints": "belongs to pods that do not run", "EndpointSlice": "belongs to pods that do not run",
	"Node": "no kubelet runs", "ControllerRevision": "belongs to a controller",
	"PolicyReport": "Kyverno writes it here", "ClusterPolicyReport": "Kyverno writes it here",
	"EphemeralReport": "Kyverno writes it here", "ClusterEphemeralReport": "Kyverno writes it here",
	"UpdateRequest":   "Kyverno writes it here",
	"APIResourceList": "is no object", "RegistryAnswer": "is no object", "Report": "Kyverno writes it here", "ClusterReport": "Kyverno writes it here",
}

// order of creation: what others need comes first.
var order = map[string]int{
	"CustomResourceDefinition": 0, "Namespace": 1, "PriorityClass": 2, "StorageClass": 2, "RuntimeClass": 2, "IngressClass": 2,
	"ServiceAccount": 3, "Role": 3, "ClusterRole": 3, "ConfigMap": 3, "Secret": 3,
	"RoleBinding": 4, "ClusterRoleBinding": 4, "LimitRange": 6, "ResourceQuota": 6,
}

const workloads = 5 // of every other kind

func rank(kind string) int {
	if r, ok := order[kind]; ok {
		return r
	}
	return workloads
}

// initial is the objects that a cluster has before the first request of the traffic:
// its world, what was seen to run, and what requests change or delete. With owners set,
// objects that their owner would make are left to the owner.
func initial(w *capture.World, records []*capture.Record, owners bool) (objects []*unstructured.Unstructured, refused *tally) {
	refused = newTally()
	seen := map[string]bool{}
	add := func(raw json.RawMessage) {
		o := &unstructured.Unstructured{}
		if len(raw) == 0 || utiljson.Unmarshal(raw, &o.Object) != nil || o.GetKind() == "" || o.GetName() == "" || policy.IsPolicyKind(o.GetAPIVersion(), o.GetKind()) {
			return
		}
		key := o.GroupVersionKind().GroupKind().String() + " " + o.GetNamespace() + "/" + o.GetName()
		if seen[key] {
			return
		}
		seen[key] = true
		if why, ok := leftOut[o.GetKind()]; ok && !own(identityOf(o)) {
			refused.add("left out: "+o.GetKind()+" "+why, name(o))
			return
		}
		if owners && len(o.GetOwnerReferences()) > 0 {
			refused.add("left to its owner's controller", name(o))
			return
		}
		objects = append(objects, fresh(o))
	}
	for _, o := range w.Objects(func(string, string) bool { return true }) {
		if !o.IsWithheld() {
			add(o.Object)
		}
	}
	for _, r := range records {
		switch {
		case r.Lacks(capture.MissingObject):
		case len(r.OldObject) > 0 && r.SubResource != "scale": // a scale is no object of its own
			add(r.OldObject)
		case r.Operation == capture.Create && r.SubResource == "" && r.Origin.Source != "audit":
			add(r.Object)
		}
	}
	for _, d := range standIns(objects, records) {
		refused.add("definition not captured: one that takes any object stands in", d.GetName())
		objects = append(objects, d)
	}
	objects = append(objects, needed(objects, records)...)
	slices.SortStableFunc(objects, byRank)
	return objects, refused
}

// needed is what requests and pods cannot do without and the capture does not show:
// namespaces, and the service accounts that pods name.
func needed(objects []*unstructured.Unstructured, records []*capture.Record) []*unstructured.Unstructured {
	have := map[string]bool{}
	namespaces := map[string]bool{"default": true}
	for _, o := range objects {
		have[o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName()] = true
		namespaces[o.GetNamespace()] = true
	}
	accounts := map[[2]string]bool{}
	for _, r := range records {
		namespaces[r.Namespace] = true
		if account := serviceAccount(r.Object); account != "" && r.Namespace != "" {
			accounts[[2]string{r.Namespace, account}] = true
		}
	}
	var out []*unstructured.Unstructured
	for ns := range namespaces {
		if ns == "" {
			continue
		}
		accounts[[2]string{ns, "default"}] = true
		if !have["Namespace /"+ns] {
			out = append(out, object("v1", "Namespace", "", ns))
		}
	}
	for a := range accounts {
		if !have["ServiceAccount "+a[0]+"/"+a[1]] {
			out = append(out, object("v1", "ServiceAccount", a[0], a[1]))
		}
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return cmp.Compare(name(a), name(b)) })
	return out
}

func serviceAccount(raw json.RawMessage) string {
	var pod struct {
		Kind string `json:"kind"`
		Spec struct {
			ServiceAccountName string `json:"serviceAccountName"`
		} `json:"spec"`
	}
	if json.Unmarshal(raw, &pod) != nil || pod.Kind != "Pod" {
		return ""
	}
	return pod.Spec.ServiceAccountName
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// boundTo are the annotations by which controllers remember a claim's volume and its node.
var boundTo = []string{"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node"}

// identifying are the fields of metadata that only the cluster that stores an object writes.
var identifying = []string{"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"}

// addresses are the fields of a Service that an API server fills in of its own.
var addresses = []string{"clusterIP", "clusterIPs", "healthCheckNodePort"}

// fresh drops what belongs to the cluster that the object was captured in.
func fresh(o *unstructured.Unstructured) *unstructured.Unstructured {
	unstructured.RemoveNestedField(o.Object, "status")
	for _, field := range append(slices.Clone(identifying), "ownerReferences", "finalizers") {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	switch o.GetKind() {
	case "Service":
		for _, field := range addresses {
			unstructured.RemoveNestedField(o.Object, "spec", field)
		}
	case "Namespace":
		unstructured.RemoveNestedField(o.Object, "spec")
	case "PersistentVolumeClaim": // its volume is elsewhere
		unstructured.RemoveNestedField(o.Object, "spec", "volumeName")
		for _, key := range boundTo {
			unstructured.RemoveNestedField(o.Object, "metadata", "annotations", key)
		}
	case "PersistentVolume":
		unstructured.RemoveNestedField(o.Object, "spec", "claimRef")
	}
	return o
}

// load creates the objects, one rank after the other, and says what was not taken and why.
func (c *client) load(ctx context.Context, objects []*unstructured.Unstructured, refused *tally) (created int, err error) {
	for len(objects) > 0 {
		n := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return rank(o.GetKind()) != rank(objects[0].GetKind()) })
		if n < 0 {
			n = len(objects)
		}
		failures := make([]error, n)
		group, within := errgroup.WithContext(ctx)
		group.SetLimit(8)
		for i, o := range objects[:n] {
			group.Go(func() error {
				failures[i] = c.Create(within, o)
				return ctx.Err()
			})
		}
		if err := group.Wait(); err != nil {
			return created, err
		}
		for i, o := range objects[:n] {
			if failures[i] == nil {
				created++
				continue
			}
			refused.add(refusal(failures[i]), name(o))
		}
		if objects[0].GetKind() == "CustomResourceDefinition" {
			if err := c.Served(ctx, objects[:n]); err != nil {
				return created, err
			}
		}
		if slices.ContainsFunc(objects[:n], func(o *unstructured.Unstructured) bool { return o.GetKind() == "ClusterRole" }) {
			if err := c.Aggregate(ctx); err != nil {
				return created, err
			}
		}
		objects = objects[n:]
	}
	return created, nil
}

func refusal(err error) string {
	switch {
	case apierrors.IsInvalid(err):
		return "not a valid object"
	case apierrors.IsNotFound(err), strings.Contains(err.Error(), "no matches for kind"):
		return "its kind or namespace is not in the cluster"
	case apierrors.IsForbidden(err):
		return "refused by built-in admission"
	}
	return "refused: " + firstLine(err.Error())
}

// firstLine is a message as one line of at most 300 bytes, cut between characters.
func firstLine(s string) string {
	line := strings.Join(strings.Fields(s), " ")
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "…"
	}
	return line
}

func name(o *unstructured.Unstructured) string {
	return title(o.GetKind(), o.GetNamespace(), o.GetName())
}

func title(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return fmt.Sprintf("%s %s/%s", kind, namespace, name)
}

// tally counts reasons and keeps the first example of each.
type tally struct {
	counts map[string]*timeline.Refusal
	seen   map[string]bool
}

func newTally() *tally { return &tally{map[string]*timeline.Refusal{}, map[string]bool{}} }

// once counts a reason that was not counted for the same yet.
func (t *tally) once(of, reason, sample string) {
	if key := of + ": " + reason; !t.seen[key] {
		t.seen[key] = true
		t.add(reason, sample)
	}
}

func (t *tally) add(reason, sample string) {
	if t.counts[reason] == nil {
		t.counts[reason] = &timeline.Refusal{Reason: reason, Sample: sample}
	}
	t.counts[reason].Count++
}

// list is the reasons, most frequent first, then by text.
func (t *tally) list() []timeline.Refusal {
	var out []timeline.Refusal
	for _, r := range t.counts {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b timeline.Refusal) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// configure gives Kyverno the configuration that it has in the captured cluster; without
// one the release's stays.
func (c *client) configure(ctx context.Context, w *capture.World) error {
	o, _ := w.Get(capture.GVR{Version: "v1", Resource: "configmaps"}, "kyverno", "kyverno")
	if o == nil {
		return nil
	}
	u := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(o.Object, &u.Object); err != nil {
		return err
	}
	return c.Put(ctx, fresh(u))
}
