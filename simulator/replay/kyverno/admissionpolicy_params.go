package kyverno

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// params returns the parameters that a binding evaluates its policy with: one nil for a
// policy or a binding that takes none, none when they were not found and that is allowed.
// An error is a fault of the configuration; what is not known is a miss of the request.
//
// Parameters of the policy set come before those of the cluster. Where a selector finds
// some in the set and the capture knows none, the set's are taken to be all.
func (p *admissionPolicy) params(req *request, b *binding) ([]runtime.Object, error) {
	ref := b.paramRef
	if p.paramKind == nil || ref == nil {
		return []runtime.Object{nil}, nil
	}
	kind := schema.FromAPIVersionAndKind(p.paramKind.APIVersion, p.paramKind.Kind)
	resource, namespaced, known := req.look.resourceFor(kind)
	if !known {
		return nil, client{req: req}.unknown("the resource of kind "+p.paramKind.APIVersion+" "+p.paramKind.Kind, "capture its CustomResourceDefinition")
	}
	namespace, err := paramNamespace(ref, namespaced, req.adm.Namespace)
	if err != nil {
		return nil, err
	}
	var found []runtime.Object
	if ref.Name != "" {
		found, err = p.paramNamed(req, resource, namespace, ref.Name)
	} else {
		found, err = p.paramsSelected(req, resource, namespace, ref.Selector)
	}
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && ref.ParameterNotFoundAction != nil && *ref.ParameterNotFoundAction == admissionregistrationv1.DenyAction {
		return nil, errors.New("no params found for policy binding with `Deny` parameterNotFoundAction")
	}
	return found, nil
}

// unservedParams is the fault of a policy whose parameters are of a kind that the API server does
// not serve: it refuses what the policy selects, whatever its bindings say.
func (p *admissionPolicy) unservedParams(req *request) error {
	w, ok := req.look.(world)
	if !ok || p.paramKind == nil {
		return nil
	}
	kind := schema.FromAPIVersionAndKind(p.paramKind.APIVersion, p.paramKind.Kind)
	resource, _, known := w.resourceFor(kind)
	if !known {
		resource = kind.GroupVersion().WithResource("")
	}
	if !w.unserved(resource) {
		return nil
	}
	return fmt.Errorf("failed to configure policy: failed to find resource referenced by paramKind: '%v'", kind)
}

func paramNamespace(ref *admissionregistrationv1.ParamRef, namespaced bool, requested string) (string, error) {
	switch {
	case !namespaced && ref.Namespace != "":
		return "", errors.New("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
	case !namespaced:
		return "", nil
	case ref.Namespace != "":
		return ref.Namespace, nil
	case requested == "":
		return "", errors.New("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
	}
	return requested, nil
}

func (p *admissionPolicy) paramNamed(req *request, resource schema.GroupVersionResource, namespace, name string) ([]runtime.Object, error) {
	own, err := p.ownParams(req, resource, namespace)
	if err != nil {
		return nil, err
	}
	for _, object := range own {
		if object.GetName() == name {
			return []runtime.Object{object}, nil
		}
	}
	content, err := client{req: req}.get(resource, namespace, name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []runtime.Object{&unstructured.Unstructured{Object: content}}, nil
}

func (p *admissionPolicy) paramsSelected(req *request, resource schema.GroupVersionResource, namespace string, wanted *metav1.LabelSelector) ([]runtime.Object, error) {
	selector, err := metav1.LabelSelectorAsSelector(wanted)
	if err != nil {
		return nil, err
	}
	all, err := p.ownParams(req, resource, namespace)
	if err != nil {
		return nil, err
	}
	contents, err := req.look.list(resource, namespace)
	if err != nil && (len(all) == 0 || !errors.Is(err, errUnknown)) {
		_, err = client{req: req}.list(resource, namespace, selector) // says what is missing
		return nil, err
	}
	for _, content := range contents {
		object := &unstructured.Unstructured{Object: content}
		if !req.makes(resource, object.GetNamespace(), object.GetName()) && !slices.ContainsFunc(all, func(o *unstructured.Unstructured) bool {
			return o.GetName() == object.GetName() && o.GetNamespace() == object.GetNamespace()
		}) {
			all = append(all, object)
		}
	}
	slices.SortFunc(all, func(a, b *unstructured.Unstructured) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	var found []runtime.Object
	for _, object := range all {
		if selector.Matches(labels.Set(object.GetLabels())) {
			found = append(found, object)
		}
	}
	return found, nil
}

// ownParams returns the parameters in the policy set, of one namespace, as an API server returns them.
func (p *admissionPolicy) ownParams(req *request, resource schema.GroupVersionResource, namespace string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, other := range p.others {
		content := map[string]any{}
		if err := utiljson.Unmarshal(other.JSON, &content); err != nil {
			return nil, fmt.Errorf("decode parameter %s: %w", other.Name, err)
		}
		object := &unstructured.Unstructured{Object: content}
		if object.GetNamespace() == "" && namespace != "" {
			object.SetNamespace(cmp.Or(other.Namespace, "default"))
		}
		if object.GetNamespace() != namespace {
			continue
		}
		err := installed(req, resource, object)
		if words(err) != "" { // no API server has it
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read parameter %s: %w", other.Name, err)
		}
		all = append(all, object)
	}
	return all, nil
}

// installed makes of an object of the policy set what an API server returns when it is installed.
func installed(req *request, resource schema.GroupVersionResource, object *unstructured.Unstructured) error {
	w, ok := req.look.(world)
	if !ok || w.written {
		return nil
	}
	raw, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	if raw, err = admission.Existing(w.World, &capture.WorldObject{Object: raw}, capture.GVR(resource)); err != nil {
		return err
	}
	return utiljson.Unmarshal(raw, &object.Object)
}
