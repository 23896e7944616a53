package kyverno

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	vap "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celenvironment "k8s.io/apiserver/pkg/cel/environment"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// compileAdmissionPolicy compiles a policy with the bindings that name it, or remembers
// that it did. A policy without a binding has no effect, and no unit but that of the scan.
func (c *Compiler) compileAdmissionPolicy(object policy.Object, shared celSet) *compiled {
	base := &admissionPolicy{name: verdict.PolicyRef{Kind: object.Kind, Name: object.Name}}
	base.told = base.name
	key := object.Kind + " " + object.Digest
	for _, b := range shared.bindings {
		if b.policy == base.name {
			base.bindings = append(base.bindings, b)
			key += " " + b.digest
		}
	}
	if len(base.bindings) == 0 && c.opt.EveryPolicy {
		base.bindings = []binding{{policy: base.name, actions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}}}
	}
	for _, other := range shared.others {
		if strings.Contains(string(object.JSON), `"`+other.Kind+`"`) { // it may be a parameter
			base.others = append(base.others, other)
			key += " " + other.Digest
		}
	}
	made, ok := c.cel.made[key]
	if !ok {
		made = &compiled{}
		made.units, made.err = c.newAdmissionUnits(base, object)
		scan := newAdmissionScan(object, made.units)
		if len(base.bindings) == 0 {
			made.units = nil
		}
		made.units = append(made.units, scan...)
		c.cel.made[key] = made
	}
	return made
}

// init fills what both kinds take from their spec.
func (p *admissionPolicy) init(object policy.Object, lenient bool, match *admissionregistrationv1.MatchResources, failure *admissionregistrationv1.FailurePolicyType, param *admissionregistrationv1.ParamKind) error {
	if match == nil || len(match.ResourceRules) == 0 {
		return errors.New("spec.matchConstraints.resourceRules: Required value")
	}
	if err := checkRules(match.ResourceRules, lenient); err != nil {
		return err
	}
	if param != nil && (param.APIVersion == "" || param.Kind == "") {
		return errors.New("spec.paramKind: Required value: apiVersion and kind must be specified")
	}
	read, err := rewriter{}.policy(object.JSON)
	if err != nil {
		return err
	}
	p.match, p.paramKind = newSelection(match), param
	p.failClosed = failure == nil || *failure == admissionregistrationv1.Fail
	p.needs = read.needs()
	p.needs.addMatch(match)
	for _, b := range p.bindings {
		if b.match != nil {
			p.needs.addMatch(b.match.written)
		}
	}
	if p.paramKind == nil {
		p.others = nil
	}
	p.others = slices.DeleteFunc(p.others, func(o policy.Object) bool { return o.Kind != param.Kind || o.APIVersion != param.APIVersion })
	return nil
}

// checkRules says what the API server does of rules that name too little. Lenient takes
// rules without operations for rules about all of them.
func checkRules(rules []admissionregistrationv1.NamedRuleWithOperations, lenient bool) error {
	for i := range rules {
		rule := &rules[i]
		if len(rule.Operations) == 0 && lenient {
			rule.Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}
		}
		missing := ""
		switch {
		case len(rule.Operations) == 0:
			missing = "operations"
		case len(rule.APIGroups) == 0:
			missing = "apiGroups"
		case len(rule.APIVersions) == 0:
			missing = "apiVersions"
		case len(rule.Resources) == 0:
			missing = "resources"
		default:
			continue
		}
		return fmt.Errorf("spec.matchConstraints.resourceRules[%d].%s: Required value", i, missing)
	}
	return nil
}

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
