package kyverno

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	apiadmission "github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/policy"
)

// newAdmissionUnits compiles a policy that the API server takes: the reason not to is its own.
func (c *Compiler) newAdmissionUnits(base *admissionPolicy, object policy.Object) ([]phased, error) {
	if !c.opt.Lenient {
		if err := takenByAPIServer(object); err != nil {
			return nil, err
		}
	}
	if object.Kind == "ValidatingAdmissionPolicy" {
		return c.newValidatingAdmission(base, object)
	}
	return c.newMutatingAdmission(base, object)
}

// takenByAPIServer returns what an API server says against an object of its own kinds, unknown fields first.
func takenByAPIServer(object policy.Object) error {
	var typed any = &admissionregistrationv1.ValidatingAdmissionPolicy{}
	switch object.Kind {
	case "ValidatingAdmissionPolicyBinding":
		typed = &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	case "MutatingAdmissionPolicy":
		typed = &admissionregistrationv1.MutatingAdmissionPolicy{}
	case "MutatingAdmissionPolicyBinding":
		typed = &admissionregistrationv1.MutatingAdmissionPolicyBinding{}
	}
	if err := decodeStrict(object, typed); err != nil {
		return err
	}
	content, err := withoutManagers(object.JSON)
	if err != nil {
		return err
	}
	return apiadmission.Registers(content)
}

// decodeStrict decodes an object of Kubernetes itself; versions differ in nothing but name.
func decodeStrict(object policy.Object, into any) error {
	faults, err := kjson.UnmarshalStrict(object.JSON, into)
	if err != nil || len(faults) == 0 {
		return err
	}
	return runtime.NewStrictDecodingError(faults)
}
