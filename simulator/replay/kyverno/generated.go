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

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// generatedOfClassic are the units of the ValidatingAdmissionPolicy that Kyverno makes of a
// ClusterPolicy whose rule asks for it; nil where it makes none. Kyverno then leaves the rule to
// the API server, which knows neither Kyverno's filters nor its webhooks' selectors.
func (c *Compiler) generatedOfClassic(made *classic) ([]phased, error) {
	typed, ok := made.policy.(*kyvernov1.ClusterPolicy)
	if !ok || c.opt.EveryPolicy || !typed.GetSpec().HasValidate() {
		return nil, nil
	}
	var exceptions []kyvernov2.PolicyException
	var generic []engineapi.GenericException
	for _, e := range made.exceptions {
		exceptions, generic = append(exceptions, *e), append(generic, engineapi.NewPolicyException(e))
	}
	if can, _ := admissionpolicy.CanGenerateVAP(typed.GetSpec(), exceptions, false); !can {
		return nil, nil
	}
	typed.Status.ValidatingAdmissionPolicy.Generated = true
	return c.generated(made.name, "cpol-"+typed.Name, engineapi.NewKyvernoPolicy(typed), generic, nil)
}

// generatedOfCEL are those of a ValidatingPolicy that asks for it. Where it is rewritten for what
// runs pods Kyverno makes none.
func (c *Compiler) generatedOfCEL(base *celPolicy, content []byte, shared celSet) ([]phased, error) {
	if base.name.Kind != "ValidatingPolicy" || c.opt.EveryPolicy {
		return nil, nil
	}
	typed := &policiesv1beta1.ValidatingPolicy{}
	if err := json.Unmarshal(content, typed); err != nil {
		return nil, err
	}
	if !typed.Spec.GenerateValidatingAdmissionPolicyEnabled() {
		return nil, nil
	}
	if rewritten, err := vpolautogen.Autogen(typed); err != nil || len(rewritten) > 0 {
		return nil, err
	}
	var exceptions []engineapi.GenericException
	for _, e := range base.exceptions {
		exceptions = append(exceptions, engineapi.NewCELPolicyException(e))
	}
	return c.generated(base.name, "vpol-"+typed.Name, engineapi.NewValidatingPolicy(typed), exceptions, shared.others)
}

// generated compiles what Kyverno makes of a policy. Verdicts are the policy's own; what users
// are told names what was made.
func (c *Compiler) generated(of verdict.PolicyRef, name string, from engineapi.GenericPolicy, exceptions []engineapi.GenericException, others []policy.Object) ([]phased, error) {
	vap := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	vap.Name, binding.Name = name, name+"-binding"
	known := discovery{resources: capture.NewResources()}
	if err := admissionpolicy.BuildValidatingAdmissionPolicy(known, vap, from, exceptions); err != nil {
		return nil, err
	}
	if err := admissionpolicy.BuildValidatingAdmissionPolicyBinding(binding, from); err != nil {
		return nil, err
	}
	object, err := asObject("ValidatingAdmissionPolicy", name, vap)
	if err != nil {
		return nil, err
	}
	bound, err := asObject("ValidatingAdmissionPolicyBinding", binding.Name, binding)
	if err != nil {
		return nil, err
	}
	var own celSet
	if err := own.addBinding(bound, false); err != nil {
		return nil, err
	}
	base := &admissionPolicy{name: of, told: verdict.PolicyRef{Kind: object.Kind, Name: name}, bindings: own.bindings, others: others}
	units, err := c.newValidatingAdmission(base, object)
	return c.withScans(object, units), err
}

func asObject(kind, name string, typed any) (policy.Object, error) {
	content, err := json.Marshal(typed)
	return policy.Object{APIVersion: "admissionregistration.k8s.io/v1", Kind: kind, Name: name, JSON: content}, err
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
