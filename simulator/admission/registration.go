package admission

import (
	"encoding/json"
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/apis/admissionregistration"
	"k8s.io/kubernetes/pkg/apis/admissionregistration/validation"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Registers returns what the API server says against a new admission policy, a binding or a
// webhook configuration; of other kinds it says nothing.
func Registers(raw json.RawMessage) error {
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return &Refused{err.Error()}
	}
	gvk := schema.GroupVersionKind(capture.ParseGVK(head.APIVersion, head.Kind))
	if gvk.Group != admissionregistration.GroupName || !known().Recognizes(gvk) {
		return nil
	}
	inside, err := decode(raw, gvk)
	if err != nil {
		return err
	}
	var faults field.ErrorList
	switch o := inside.(type) {
	case *admissionregistration.ValidatingAdmissionPolicy:
		faults = validation.ValidateValidatingAdmissionPolicy(o)
	case *admissionregistration.ValidatingAdmissionPolicyBinding:
		faults = validation.ValidateValidatingAdmissionPolicyBinding(o)
	case *admissionregistration.MutatingAdmissionPolicy:
		faults = validation.ValidateMutatingAdmissionPolicy(o)
	case *admissionregistration.MutatingAdmissionPolicyBinding:
		faults = validation.ValidateMutatingAdmissionPolicyBinding(o)
	case *admissionregistration.ValidatingWebhookConfiguration:
		faults = validation.ValidateValidatingWebhookConfiguration(o)
	case *admissionregistration.MutatingWebhookConfiguration:
		faults = validation.ValidateMutatingWebhookConfiguration(o)
	}
	older, err := unescaped(raw)
	if err != nil {
		return err
	}
	if faults = append(faults, older...); len(faults) == 0 {
		return nil
	}
	return &Refused{faults.ToAggregate().Error()}
}

// RegistersWebhook returns what the API server says against one webhook of a configuration.
// Where the webhook is in the configuration is left out.
func RegistersWebhook(hook admissionregistrationv1.ValidatingWebhook) error {
	where := "/"
	none := admissionregistrationv1.SideEffectClassNone
	hook.SideEffects, hook.AdmissionReviewVersions = &none, []string{"v1"}
	hook.ClientConfig.Service = &admissionregistrationv1.ServiceReference{Namespace: "kyverno", Name: "kyverno-svc", Path: &where}
	configuration := admissionregistrationv1.ValidatingWebhookConfiguration{Webhooks: []admissionregistrationv1.ValidatingWebhook{hook}}
	configuration.APIVersion, configuration.Kind, configuration.Name = admissionregistrationv1.SchemeGroupVersion.String(), "ValidatingWebhookConfiguration", "one"
	raw, err := json.Marshal(configuration)
	if err != nil {
		return fmt.Errorf("encode a webhook: %w", err)
	}
	err = Registers(raw)
	if refused, ok := err.(*Refused); ok {
		return &Refused{strings.ReplaceAll(refused.Reason, "webhooks[0].", "")}
	}
	return err
}
