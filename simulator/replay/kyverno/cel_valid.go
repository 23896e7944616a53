package kyverno

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	"github.com/kyverno/kyverno/pkg/cel/policies/dpol"
	"github.com/kyverno/kyverno/pkg/cel/policies/gpol"
	"github.com/kyverno/kyverno/pkg/cel/policies/mpol"
	"github.com/kyverno/kyverno/pkg/cel/policies/vpol"
	"github.com/kyverno/kyverno/pkg/image/verification/evaluator"

	"github.com/seatrial/seatrial/simulator/policy"
)

// validateCEL asks Kyverno's own policy webhook code whether it would accept a policy.
// The policy is compiled as written: nothing is evaluated. About NamespacedDeletingPolicies
// no API server asks it.
func validateCEL(object policy.Object, content []byte) error {
	base := newCELPolicy(object, nil)
	validate, err := celValidator(base, content)
	if err != nil || base.name.Kind == "NamespacedDeletingPolicy" {
		return err
	}
	return compileWith(&library{}, func() error {
		_, err := validate()
		return err
	})
}

func celValidator(base *celPolicy, content []byte) (func() ([]string, error), error) {
	switch strings.TrimPrefix(base.name.Kind, "Namespaced") {
	case "ValidatingPolicy":
		p, err := decodeCEL[policiesv1beta1.ValidatingPolicyLike](base, content, &policiesv1beta1.ValidatingPolicy{}, &policiesv1beta1.NamespacedValidatingPolicy{})
		return func() ([]string, error) { return vpol.Validate(p) }, err
	case "MutatingPolicy":
		p, err := decodeCEL[policiesv1beta1.MutatingPolicyLike](base, content, &policiesv1beta1.MutatingPolicy{}, &policiesv1beta1.NamespacedMutatingPolicy{})
		return func() ([]string, error) { return mpol.Validate(p) }, err
	case "GeneratingPolicy":
		p, err := decodeCEL[policiesv1beta1.GeneratingPolicyLike](base, content, &policiesv1beta1.GeneratingPolicy{}, &policiesv1beta1.NamespacedGeneratingPolicy{})
		return func() ([]string, error) { return gpol.Validate(p) }, err
	case "ImageValidatingPolicy":
		p, err := decodeCEL[policiesv1beta1.ImageValidatingPolicyLike](base, content, &policiesv1beta1.ImageValidatingPolicy{}, &policiesv1beta1.NamespacedImageValidatingPolicy{})
		return func() ([]string, error) {
			p.GetSpec().Credentials = nil // would be read from the cluster's Secrets
			return evaluator.Validate(p, nil)
		}, err
	case "DeletingPolicy":
		p, err := decodeCEL[policiesv1beta1.DeletingPolicyLike](base, content, &policiesv1beta1.DeletingPolicy{}, &policiesv1beta1.NamespacedDeletingPolicy{})
		return func() ([]string, error) { return dpol.Validate(p) }, err
	}
	return nil, errors.New("no kind of policies.kyverno.io: " + base.name.Kind)
}

// decodeCEL decodes a policy into its cluster-wide or its namespaced type.
func decodeCEL[T interface{ SetNamespace(string) }](base *celPolicy, content []byte, cluster, namespaced T) (T, error) {
	typed := cluster
	if base.namespaced {
		typed = namespaced
	}
	if err := json.Unmarshal(content, typed); err != nil {
		return typed, fmt.Errorf("decode %s: %w", base.name.Kind, err)
	}
	if base.namespaced {
		typed.SetNamespace(base.name.Namespace)
	}
	return typed, nil
}
