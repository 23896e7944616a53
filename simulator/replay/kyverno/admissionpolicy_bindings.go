package kyverno

import (
	"errors"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// binding puts a policy into effect.
type binding struct {
	policy   verdict.PolicyRef // of which policy
	name     string
	digest   string
	match    *selection // nil: as the policy
	paramRef *admissionregistrationv1.ParamRef
	actions  []admissionregistrationv1.ValidationAction
	hidden   bool // from reports
}

func (s *celSet) addBinding(object policy.Object, lenient bool) error {
	if !lenient {
		if err := takenByAPIServer(object); err != nil {
			return err
		}
	}
	shows := reportingOf(object.JSON)
	b := binding{name: object.Name, digest: object.Digest, hidden: shows.hidden()}
	var faults []error
	var match *admissionregistrationv1.MatchResources
	switch object.Kind {
	case "ValidatingAdmissionPolicyBinding":
		var typed admissionregistrationv1.ValidatingAdmissionPolicyBinding
		if err := decodeStrict(object, &typed); err != nil {
			return err
		}
		if len(typed.Spec.ValidationActions) == 0 && lenient {
			typed.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
		}
		b.policy = verdict.PolicyRef{Kind: "ValidatingAdmissionPolicy", Name: typed.Spec.PolicyName}
		b.paramRef, b.actions, match = typed.Spec.ParamRef, typed.Spec.ValidationActions, typed.Spec.MatchResources
	default:
		var typed admissionregistrationv1.MutatingAdmissionPolicyBinding
		if err := decodeStrict(object, &typed); err != nil {
			return err
		}
		b.policy = verdict.PolicyRef{Kind: "MutatingAdmissionPolicy", Name: typed.Spec.PolicyName}
		b.paramRef, match = typed.Spec.ParamRef, typed.Spec.MatchResources
	}
	if b.policy.Name == "" {
		faults = append(faults, errors.New("spec.policyName: Required value"))
	}
	if b.paramRef != nil && b.paramRef.ParameterNotFoundAction == nil && (lenient || strings.HasSuffix(object.APIVersion, "/v1alpha1")) {
		deny := admissionregistrationv1.DenyAction // the default of v1alpha1; later versions have none
		b.paramRef.ParameterNotFoundAction = &deny
	}
	faults = append(faults, checkParamRef(b.paramRef))
	if err := errors.Join(faults...); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if match != nil {
		selected := newSelection(match)
		b.match = &selected
	}
	s.bindings = append(s.bindings, b)
	return nil
}

func checkParamRef(ref *admissionregistrationv1.ParamRef) error {
	switch {
	case ref == nil:
		return nil
	case ref.Name == "" && ref.Selector == nil:
		return errors.New("spec.paramRef: Required value: one of name or selector must be specified")
	case ref.Name != "" && ref.Selector != nil:
		return errors.New("spec.paramRef.name: Forbidden: name and selector are mutually exclusive")
	case ref.ParameterNotFoundAction == nil:
		return errors.New("spec.paramRef.parameterNotFoundAction: Required value")
	}
	return nil
}

// action is what a binding does about a failure.
func (b *binding) action() verdict.Action {
	switch {
	case slices.Contains(b.actions, admissionregistrationv1.Deny):
		return verdict.Enforce
	case slices.Contains(b.actions, admissionregistrationv1.Warn):
		return verdict.ActionWarn
	}
	return verdict.Audit
}
