package kyverno

import (
	"fmt"

	"github.com/kyverno/kyverno/pkg/admissionpolicy"
	admissionutils "github.com/kyverno/kyverno/pkg/utils/admission"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apiserver/pkg/admission"

	"github.com/seatrial/seatrial/simulator/capture"
)

// celRequest is one request as CEL policies see it, made once for all of them. A mutation
// makes the pipeline drop it.
type celRequest struct {
	route admission.Attributes // where the request goes, without its body
	body  *celBody
}

// celBody is the request with its objects decoded. CEL policies only read it.
type celBody struct {
	attr admission.Attributes
	// slim is the request without object, oldObject and options: most policies read these
	// through the variables of the same names, and decoding them again costs more than
	// judging the request.
	slim *admissionv1.AdmissionRequest
	// namespace is the request's Namespace as CEL sees it, nil for cluster-scoped objects.
	namespace runtime.Object
	typed     *corev1.Namespace
}

// routing returns the attributes that say where the request goes.
func (r *request) routing() admission.Attributes {
	if r.cel.route == nil {
		r.cel.route = r.attributes(nil, nil)
	}
	return r.cel.route
}

func (r *request) attributes(object, old runtime.Object) admission.Attributes {
	return r.attributesOf(r.adm.Kind, r.adm.Resource, object, old)
}

func (r *request) attributesOf(kind metav1.GroupVersionKind, resource metav1.GroupVersionResource, object, old runtime.Object) admission.Attributes {
	dryRun := r.adm.DryRun != nil && *r.adm.DryRun
	return admission.NewAttributesRecord(object, old, schema.GroupVersionKind(kind), r.adm.Namespace, r.adm.Name,
		schema.GroupVersionResource(resource), r.adm.SubResource, admission.Operation(r.adm.Operation), r.options(), dryRun,
		admissionpolicy.NewUser(r.adm.UserInfo))
}

// options are those of the request, as admission policies see them.
func (r *request) options() runtime.Object {
	options := &unstructured.Unstructured{}
	if len(r.adm.Options.Raw) == 0 || utiljson.Unmarshal(r.adm.Options.Raw, &options.Object) != nil {
		return nil
	}
	return options
}

// itself is the Namespace of a request about one that exists, which is its own namespace.
func (r *request) itself(old map[string]any) map[string]any {
	switch {
	case r.rec.Operation != capture.Create:
		return old
	case !r.rec.Standing || r.adm.Kind.Kind != "Namespace":
		return nil
	}
	found, _ := r.look.get(namespaces, "", r.rec.Name) // what stands is known
	return found
}

// decoded returns the request with its objects decoded as Kyverno decodes them.
func (r *request) decoded() (*celBody, error) {
	if r.cel.body != nil {
		return r.cel.body, nil
	}
	object, old, err := admissionutils.ExtractResources(nil, r.adm)
	if err != nil {
		return nil, err
	}
	slim := r.adm
	slim.Object, slim.OldObject, slim.Options = runtime.RawExtension{}, runtime.RawExtension{}, runtime.RawExtension{}
	body := &celBody{attr: r.attributes(&object, &old), slim: &slim, typed: r.namespace}
	if exists := r.itself(old.Object); body.typed == nil && r.adm.Kind.Kind == "Namespace" && len(exists) > 0 {
		body.typed = &corev1.Namespace{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(exists, body.typed); err != nil {
			return nil, fmt.Errorf("decode the namespace: %w", err)
		}
	}
	if body.typed != nil {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(body.typed)
		if err != nil {
			return nil, fmt.Errorf("convert the namespace: %w", err)
		}
		body.namespace = &unstructured.Unstructured{Object: content}
	}
	r.cel.body = body
	return body, nil
}
