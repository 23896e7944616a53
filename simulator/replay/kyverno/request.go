package kyverno

import (
	"encoding/json"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// newRequest makes the admission request of a record, as the API server would at its time.
func (e *Engine) newRequest(rec *capture.Record) (*request, error) {
	return e.requestIn(at(e.look, rec), rec)
}

// requestIn does so in a given world.
func (e *Engine) requestIn(look lookup, rec *capture.Record) (*request, error) {
	if w, ok := look.(world); ok && e.env.mocks == nil {
		rec = admission.Read(w.World, rec)
	}
	object, err := e.prepared(look, rec)
	if err != nil {
		return nil, err
	}
	req := &request{rec: rec, look: look, before: look, env: e.env, sent: object}
	req.adm = admissionv1.AdmissionRequest{
		Kind:               metav1.GroupVersionKind(rec.Kind),
		Resource:           metav1.GroupVersionResource(rec.Resource),
		SubResource:        rec.SubResource,
		RequestKind:        (*metav1.GroupVersionKind)(&rec.Kind),
		RequestResource:    (*metav1.GroupVersionResource)(&rec.Resource),
		RequestSubResource: rec.SubResource,
		Name:               rec.Name,
		Namespace:          rec.Namespace,
		Operation:          admissionv1.Operation(rec.Operation),
		UserInfo:           e.userOf(rec),
		Object:             runtime.RawExtension{Raw: object},
		OldObject:          runtime.RawExtension{Raw: rec.OldObject},
		Options:            runtime.RawExtension{Raw: rec.Options},
	}
	if rec.Collection {
		req.adm.Name = ""
	}
	dry := rec.DryRun
	req.adm.DryRun = &dry // an API server always says
	if e.env.mocks == nil {
		req.adm.Options.Raw = optionsOf(rec)
	}
	if rec.Kind.Kind == "Namespace" && rec.Kind.Group == "" {
		req.adm.Namespace = rec.Name // the API server says so of Namespaces
	}
	req.kind = schema.GroupVersionKind(rec.Kind)
	if rec.SubResource != "" {
		parent, ok := look.kindFor(schema.GroupVersionResource(rec.Resource))
		if ok {
			req.kind = parent
		}
		req.orphan = !ok
	}
	req.equivalents = equivalentsOf(req)
	if err := req.findNamespace(); err != nil {
		return nil, err
	}
	if err := e.env.resolveRoles(req); err != nil {
		return nil, fmt.Errorf("resolve the roles of %s: %w", req.adm.UserInfo.Username, err)
	}
	return req, nil
}

// optionsOf are the options that an API server sends of a request: those of the record under
// its own kind of them, or as many as are known.
func optionsOf(rec *capture.Record) []byte {
	kind := map[capture.Operation]string{capture.Create: "CreateOptions", capture.Update: "UpdateOptions", capture.Delete: "DeleteOptions"}[rec.Operation]
	options := map[string]any{}
	if kind == "" || len(rec.Options) > 0 && json.Unmarshal(rec.Options, &options) != nil {
		return rec.Options
	}
	options["apiVersion"], options["kind"] = metav1.SchemeGroupVersion.String(), kind
	if rec.DryRun {
		options["dryRun"] = []string{metav1.DryRunAll}
	}
	sent, err := json.Marshal(options)
	if err != nil {
		return rec.Options
	}
	return sent
}

// prepared is the object of a record as webhooks get it. Test suites say themselves what
// their policies see.
func (e *Engine) prepared(look lookup, rec *capture.Record) (json.RawMessage, error) {
	w, ok := look.(world)
	if !ok || e.env.mocks != nil {
		return rec.Object, nil
	}
	return admission.Prepare(w.World, rec)
}

// userOf is who sends a record. Controllers are who they are, whoever else is assumed.
func (e *Engine) userOf(rec *capture.Record) authenticationv1.UserInfo {
	recorded, made := admission.Sender(rec)
	if recorded.Username == "" && !made {
		recorded = e.as
	}
	info := authenticationv1.UserInfo{Username: recorded.Username, UID: recorded.UID, Groups: recorded.Groups}
	for key, values := range recorded.Extra {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}

// findNamespace looks up the request's Namespace. Where the capture does not hold it,
// what every namespace has stands in for it.
func (r *request) findNamespace() error {
	name := r.rec.Namespace
	if name == "" {
		r.namespaceKnown = true
		return nil
	}
	object, err := r.look.get(namespaces, "", name)
	if err == nil {
		r.namespace = &corev1.Namespace{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, r.namespace); err != nil {
			return fmt.Errorf("namespace %s: %w", name, err)
		}
		r.namespaceKnown = true
	} else if !errors.Is(err, errUnknown) && !apierrors.IsNotFound(err) {
		return err
	}
	if r.namespace == nil {
		r.namespace = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		w, ok := r.look.(world)
		r.namespaceKnown = apierrors.IsNotFound(err) && !(ok && w.Changes(capture.GVR(namespaces), "", name)) // the request says that it was there
	}
	if r.namespace.Labels == nil {
		r.namespace.Labels = map[string]string{}
	}
	r.namespace.Labels[metav1LabelName] = name // set by the API server, absent in repositories
	return nil
}
