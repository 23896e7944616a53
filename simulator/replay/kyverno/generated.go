package kyverno

import (
	"encoding/json"
	"slices"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	"github.com/kyverno/kyverno/api/kyverno"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/pkg/admissionpolicy"
	vpolautogen "github.com/kyverno/kyverno/pkg/cel/policies/vpol/autogen"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiadmission "github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// generatedOfClassic are the units of the ValidatingAdmissionPolicy that Kyverno makes of a
// ClusterPolicy whose rule asks for it; nil where it makes none. Kyverno then leaves the rule to
// the API server, which knows neither Kyverno's filters nor its webhooks' selectors.
func (c *Compiler) generatedOfClassic(policy *classic) ([]phased, error) {
	typed, ok := policy.policy.(*kyvernov1.ClusterPolicy)
	if !ok || c.opt.EveryPolicy || !typed.GetSpec().HasValidate() {
		return nil, nil
	}
	var exceptions []kyvernov2.PolicyException
	var generic []engineapi.GenericException
	for _, e := range policy.exceptions {
		exceptions, generic = append(exceptions, *e), append(generic, engineapi.NewPolicyException(e))
	}
	if can, _ := admissionpolicy.CanGenerateVAP(typed.GetSpec(), exceptions, false); !can {
		return nil, nil
	}
	made, err := c.generated(policy.name, "cpol-"+typed.Name, engineapi.NewKyvernoPolicy(typed), generic, nil)
	typed.Status.ValidatingAdmissionPolicy.Generated = made != nil
	return made, err
}

// generatedOfCEL are those of a ValidatingPolicy that asks for it. Where it is rewritten for what
// runs pods, Kyverno makes them at some times, and at others none: see [eitherWay].
func (c *Compiler) generatedOfCEL(base *celPolicy, content []byte, exceptions []celException, others []policy.Object) (made []phased, always bool, err error) {
	if base.name.Kind != "ValidatingPolicy" || c.opt.EveryPolicy {
		return nil, false, nil
	}
	typed := &policiesv1beta1.ValidatingPolicy{}
	if err := json.Unmarshal(content, typed); err != nil {
		return nil, false, err
	}
	if !typed.Spec.GenerateValidatingAdmissionPolicyEnabled() {
		return nil, false, nil
	}
	rewritten, err := vpolautogen.Autogen(typed)
	if err != nil {
		return nil, false, err
	}
	var generic []engineapi.GenericException
	for _, e := range exceptions {
		generic = append(generic, engineapi.NewCELPolicyException(e.written))
	}
	made, err = c.generated(base.name, "vpol-"+typed.Name, engineapi.NewValidatingPolicy(typed), generic, others)
	return made, len(rewritten) == 0, err
}

// generated compiles what Kyverno makes of a policy; nil where the API server does not take that,
// and the policy stays with Kyverno. Verdicts are the policy's own; what users are told names what
// was made.
func (c *Compiler) generated(of verdict.PolicyRef, name string, from engineapi.GenericPolicy, exceptions []engineapi.GenericException, others []policy.Object) ([]phased, error) {
	vap := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	vap.SetGroupVersionKind(admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"))
	binding.SetGroupVersionKind(admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"))
	vap.Name, binding.Name = name, name+"-binding"
	known := discovery{resources: capture.NewResources()}
	if err := admissionpolicy.BuildValidatingAdmissionPolicy(known, vap, from, exceptions); err != nil {
		return nil, err
	}
	if err := admissionpolicy.BuildValidatingAdmissionPolicyBinding(binding, from); err != nil {
		return nil, err
	}
	vap.OwnerReferences, binding.OwnerReferences = nil, nil // name the policy by a uid, which is drawn
	object, err := asObject(vap.TypeMeta, name, vap)
	if err != nil {
		return nil, err
	}
	bound, err := asObject(binding.TypeMeta, binding.Name, binding)
	if err != nil {
		return nil, err
	}
	if words(apiadmission.Registers(object.JSON)) != "" {
		return nil, nil
	}
	var own celSet
	if err := own.addBinding(bound, false); err != nil {
		return nil, err
	}
	base := &admissionPolicy{name: of, told: verdict.PolicyRef{Kind: object.Kind, Name: name}, bindings: own.bindings, others: others}
	return c.newValidatingAdmission(base, object)
}

func asObject(of metav1.TypeMeta, name string, typed any) (policy.Object, error) {
	content, err := json.Marshal(typed)
	return policy.Object{APIVersion: of.APIVersion, Kind: of.Kind, Name: name, JSON: content}, err
}

// madeOf tells whether an admission policy is one that Kyverno made of a policy in the set.
func madeOf(object policy.Object, set []policy.Object) bool {
	var made struct {
		Metadata struct {
			Labels          map[string]string
			OwnerReferences []struct{ Kind, Name string }
		}
	}
	if json.Unmarshal(object.JSON, &made) != nil || made.Metadata.Labels[kyverno.LabelAppManagedBy] != kyverno.ValueKyvernoApp {
		return false
	}
	for _, owner := range made.Metadata.OwnerReferences {
		if slices.ContainsFunc(set, func(o policy.Object) bool { return o.Kind == owner.Kind && o.Name == owner.Name && o.Namespace == "" }) {
			return true
		}
	}
	return false
}
