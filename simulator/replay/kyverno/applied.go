package kyverno

import (
	"fmt"
	"regexp"

	"github.com/kyverno/kyverno/api/kyverno"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smd "sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/seatrial/seatrial/simulator/admission"
)

// applied is what a server-side apply by Kyverno makes of an object that is there; of nil, what is
// applied. Kyverno overrules all others. Which fields it applied before is in no capture: those
// that it does not apply any longer would be gone.
func (r *request) applied(there, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if r.env.types == nil || r.env.mocks != nil {
		return object, nil
	}
	types := typesFor{r.env.types, r}.GetTypeConverter(object.GroupVersionKind())
	asked, err := types.ObjectToTyped(object)
	if err != nil {
		return nil, fmt.Errorf("failed to create typed patch object (%s/%s; %s): %w", object.GetNamespace(), object.GetName(), object.GroupVersionKind(), err)
	}
	if there == nil {
		return object, nil
	}
	was, err := types.ObjectToTyped(there, smd.AllowDuplicates)
	if err != nil {
		return nil, err
	}
	merged, err := was.Merge(asked)
	if err != nil {
		return nil, err
	}
	if there.GetLabels()[kyverno.LabelAppManagedBy] == kyverno.ValueKyvernoApp && r.keeps(types, merged, object) {
		r.misses.add("which fields of "+targetName(*there)+" Kyverno applied before is not in the capture", fleetResolve)
	}
	made, err := types.TypedToObject(merged)
	if err != nil {
		return nil, err
	}
	return made.(*unstructured.Unstructured), nil
}

// unseen notes that it is not known whether what something would be merged into is there.
func (r *request) unseen(kind, namespace, name string) {
	r.misses.add("whether "+kind+" "+namespace+"/"+name+" is there is not in the capture", "capture the cluster, or say with --complete that what the files do not show does not exist")
}

// keeps tells whether an object has something of what was there, other than the API server's own: it
// would not be there any longer where it was applied before.
func (r *request) keeps(types managedfields.TypeConverter, merged *smd.TypedValue, object *unstructured.Unstructured) bool {
	alone, err := types.ObjectToTyped(r.asMade(object))
	if err != nil {
		return true
	}
	compared, err := merged.Compare(alone)
	if err != nil {
		return true
	}
	found := false
	compared.Removed.Union(compared.Modified).Leaves().Iterate(func(path fieldpath.Path) { found = found || !byServer.MatchString(path.String()) })
	return found
}

// byServer are the fields that an API server writes itself, or a controller of Kubernetes.
var byServer = regexp.MustCompile(`^\.status\b|^\.metadata\.(uid|generation|resourceVersion|creationTimestamp|annotations\.deployment\.kubernetes\.io/revision)$` +
	`|^\.spec\.(clusterIPs?|healthCheckNodePort)\b|^\.spec\.ports\[.*\]\.nodePort$`)

// asMade is an object as an API server would store it.
func (r *request) asMade(object *unstructured.Unstructured) *unstructured.Unstructured {
	w, ok := r.look.(world)
	gvr, _, known := r.look.resourceFor(object.GroupVersionKind())
	content, err := object.MarshalJSON()
	if !ok || !known || err != nil {
		return object
	}
	rec := admission.Creation(object, content, gvr.Resource)
	stored, err := admission.Made(w.World, rec)
	if made := new(unstructured.Unstructured); err == nil && made.UnmarshalJSON(admission.Returned(w.World, rec, stored)) == nil {
		return made
	}
	return object
}
