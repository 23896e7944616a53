package kyverno

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	vap "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// validatingAdmission is a ValidatingAdmissionPolicy with its bindings. The API server's
// own validator judges; this does what its dispatcher does around it.
type validatingAdmission struct {
	*admissionPolicy
	validator vap.Validator
}

func (c *Compiler) newValidatingAdmission(base *admissionPolicy, object policy.Object) ([]phased, error) {
	var typed admissionregistrationv1.ValidatingAdmissionPolicy
	if err := decodeStrict(object, &typed); err != nil {
		return nil, err
	}
	spec := typed.Spec
	if err := base.init(object, c.opt.Lenient, spec.MatchConstraints, spec.FailurePolicy, spec.ParamKind); err != nil {
		return nil, err
	}
	if len(spec.Validations)+len(spec.AuditAnnotations) == 0 {
		return nil, errors.New("spec.validations: Required value: validations or auditAnnotations must be specified")
	}
	made, err := newAdmissionCompiler(spec.ParamKind != nil, spec.Variables)
	if err != nil {
		return nil, err
	}
	matcher := made.matchConditions(spec.MatchConditions, spec.FailurePolicy, typed.Name)
	var checks, messages, annotations []plugincel.ExpressionAccessor
	for _, v := range spec.Validations {
		checks = append(checks, &vap.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason})
		var message plugincel.ExpressionAccessor
		if v.MessageExpression != "" {
			message = &vap.MessageExpressionCondition{MessageExpression: v.MessageExpression}
		}
		messages = append(messages, message)
	}
	for _, a := range spec.AuditAnnotations {
		annotations = append(annotations, &vap.AuditAnnotationCondition{Key: a.Key, ValueExpression: a.ValueExpression})
	}
	validator := vap.NewValidator(
		made.conditions("spec.validations", checks, true), matcher,
		made.conditions("spec.auditAnnotations", annotations, true),
		made.conditions("spec.validations.messageExpression", messages, false), spec.FailurePolicy, nil)
	if err := errors.Join(made.faults...); err != nil {
		return nil, err
	}
	base.conditions = made.each(spec.MatchConditions, typed.Name)
	return []phased{{phaseValidate, &validatingAdmission{base, validator}}}, nil
}

func (u *validatingAdmission) eval(ctx context.Context, req *request) answer {
	req = u.needs.addressed(req)
	call, err := req.begin()
	if err != nil {
		return u.faulty(nil, nil, verdict.Validate, err)
	}
	matched, err := call.matches(u.match)
	if err != nil {
		return u.faulty(call, nil, verdict.Validate, fmt.Errorf("failed to configure policy: %w", err))
	}
	if err := u.unservedParams(req); matched && err != nil {
		return u.faulty(call, nil, verdict.Validate, err)
	}
	converted := req.misses.take()
	var out answer
	for i := range u.bindings {
		if !matched {
			break
		}
		req.misses.all = append(req.misses.all, converted...)
		out.join(u.judge(ctx, call, &u.bindings[i]))
	}
	return out
}

// judge evaluates the policy under one binding.
func (u *validatingAdmission) judge(ctx context.Context, call *admissionCall, b *binding) answer {
	req := call.req
	matched, err := call.binds(b)
	if err != nil {
		return u.faulty(call, b, verdict.Validate, fmt.Errorf("failed to configure binding: %w", err))
	}
	if !matched {
		req.misses.take()
		return answer{}
	}
	params, err := u.params(req, b)
	if err != nil {
		return u.faulty(call, b, verdict.Validate, fmt.Errorf("failed to configure binding: %w", err))
	}
	v := verdict.Verdict{Policy: u.name, Rule: b.name, Type: verdict.Validate, Action: b.action(), Outcome: verdict.Skip, Message: matchConditionsNotMet}
	if len(params) == 0 {
		v.Message = "no parameters were found"
	}
	var failed []violation
	var older []miss
	whole := len(req.misses.all) == 0 // what the conditions read is what was sent
	w := u.needs.watching(req)
	attr := w.versioned(call.asked())
	for _, param := range params {
		result := u.validator.Validate(ctx, call.resource, attr, param, call.namespace, celconfig.RuntimeCELCostBudget, offlineAuthorizer{req})
		older = append(older, resultInOlderWords(&result)...)
		failed = append(failed, tally(&v, result)...)
	}
	skipped := v
	v = u.needs.without(w.untouched()).settle(v, req, append(req.misses.take(), older...))
	if v.Outcome == verdict.Undecided && skipped.Outcome == verdict.Skip && whole && u.unmet(ctx, call, params) {
		v = skipped
	}
	if v.Outcome == verdict.Undecided || len(failed) == 0 {
		return answer{verdicts: []verdict.Verdict{v}}
	}
	v.Message = strings.Join(messages(failed), "; ")
	return u.act(call, b, v, failed)
}

// violation is why a request fails. What becomes of it is the binding's to say, but for audit
// annotations that cannot be evaluated: those refuse, whatever its actions are.
type violation struct {
	message    string
	annotation bool
}

func messages(failed []violation) (all []string) {
	for _, f := range failed {
		all = append(all, f.message)
	}
	return all
}

// tally adds the decisions for one parameter to v and returns why the request fails.
func tally(v *verdict.Verdict, result vap.ValidateResult) (failed []violation) {
	for _, d := range result.Decisions {
		switch {
		case d.Evaluation == vap.EvalError:
			v.Outcome, v.Message = verdict.Error, d.Message
		case d.Action == vap.ActionDeny && v.Outcome != verdict.Error:
			v.Outcome = verdict.Fail
		case v.Outcome == verdict.Skip:
			v.Outcome, v.Message = verdict.Pass, ""
		}
		if d.Action == vap.ActionDeny {
			failed = append(failed, violation{message: d.Message})
		}
	}
	for _, a := range result.AuditAnnotations {
		if a.Action == vap.AuditAnnotationActionError {
			v.Outcome, v.Action = verdict.Error, verdict.Enforce
			failed = append(failed, violation{a.Error, true})
		}
	}
	return failed
}

// act does what the binding says about failures. Of those that refuse users are told the first.
func (u *validatingAdmission) act(call *admissionCall, b *binding, v verdict.Verdict, failed []violation) answer {
	var out answer
	denies := slices.Contains(b.actions, admissionregistrationv1.Deny)
	warns := slices.Contains(b.actions, admissionregistrationv1.Warn)
	for _, f := range failed {
		if out.deny == "" && (denies || f.annotation) {
			out.deny = forbidden(call.attr, "ValidatingAdmissionPolicy '%s' with binding '%s' denied request: %s", u.told.Name, b.name, f.message)
		}
		if warns && !f.annotation {
			out.warnings = append(out.warnings, fmt.Sprintf("Validation failed for ValidatingAdmissionPolicy '%s' with binding '%s': %s", u.told.Name, b.name, f.message))
		}
	}
	if v.Outcome == verdict.Fail && v.Action == verdict.ActionWarn {
		v.Outcome = verdict.Warn
	}
	out.verdicts = []verdict.Verdict{v}
	return out
}
