package kyverno

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	vap "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celenvironment "k8s.io/apiserver/pkg/cel/environment"
)

// admissionCompiler compiles the expressions of one policy in the API server's environment.
type admissionCompiler struct {
	compiler *plugincel.CompositedCompiler
	params   bool
	faults   []error
}

func newAdmissionCompiler(params bool, variables []admissionregistrationv1.Variable) (*admissionCompiler, error) {
	compiler, err := plugincel.NewCompositedCompiler(celenvironment.MustBaseEnvSet(celenvironment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, fmt.Errorf("make a CEL compiler: %w", err)
	}
	c := &admissionCompiler{compiler: compiler, params: params}
	for i, v := range variables {
		result := compiler.CompileAndStoreVariable(&vap.Variable{Name: v.Name, Expression: v.Expression}, c.declared(true), celenvironment.StoredExpressions)
		if result.Error != nil {
			c.faults = append(c.faults, fmt.Errorf("spec.variables[%d].expression: %w", i, result.Error))
		}
	}
	return c, nil
}

func (c *admissionCompiler) declared(authorizer bool) plugincel.OptionalVariableDeclarations {
	return plugincel.OptionalVariableDeclarations{HasParams: c.params, HasAuthorizer: authorizer}
}

func (c *admissionCompiler) conditions(path string, expressions []plugincel.ExpressionAccessor, authorizer bool) plugincel.ConditionEvaluator {
	compiled := c.compiler.CompileCondition(expressions, c.declared(authorizer), celenvironment.StoredExpressions)
	for _, err := range compiled.CompilationErrors() {
		c.faults = append(c.faults, fmt.Errorf("%s: %w", path, err))
	}
	return compiled
}

func (c *admissionCompiler) matchConditions(written []admissionregistrationv1.MatchCondition, failure *admissionregistrationv1.FailurePolicyType, name string) matchconditions.Matcher {
	if len(written) == 0 {
		return nil
	}
	var expressions []plugincel.ExpressionAccessor
	for i := range written {
		expressions = append(expressions, (*matchconditions.MatchCondition)(&written[i]))
	}
	return matchconditions.NewMatcher(c.conditions("spec.matchConditions", expressions, true), failure, "policy", "validate", name)
}
