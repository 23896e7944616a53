package kyverno

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	apiserver "k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	mappatch "k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	celenvironment "k8s.io/apiserver/pkg/cel/environment"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// mutatingAdmission is a MutatingAdmissionPolicy with its bindings. The API server's own
// patchers mutate; this does what its dispatcher does around them. Its binding's mutations
// see each other without the defaults of what they add.
type mutatingAdmission struct {
	*admissionPolicy
	compiler *plugincel.CompositedCompiler
	matcher  matchconditions.Matcher // nil: no match conditions
	patchers []mappatch.Patcher
	types    *typeConverters
	again    bool // it is evaluated again when what comes after it changes the object
	// backwards takes the bindings in the other order; nil where there is no other.
	backwards *mutatingAdmission
}

func (c *Compiler) newMutatingAdmission(base *admissionPolicy, object policy.Object) ([]phased, error) {
	var typed admissionregistrationv1.MutatingAdmissionPolicy
	if err := decodeStrict(object, &typed); err != nil {
		return nil, err
	}
	spec := typed.Spec
	if err := base.init(object, c.opt.Lenient, spec.MatchConstraints, spec.FailurePolicy, spec.ParamKind); err != nil {
		return nil, err
	}
	if len(spec.Mutations) == 0 {
		return nil, errors.New("spec.mutations: Required value: mutations must contain at least one item")
	}
	compiler, err := newAdmissionCompiler(spec.ParamKind != nil, spec.Variables)
	if err != nil {
		return nil, err
	}
	u := &mutatingAdmission{admissionPolicy: base, compiler: compiler.compiler, types: c.cel.types}
	u.again = spec.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy
	u.matcher = compiler.matchConditions(spec.MatchConditions, spec.FailurePolicy, typed.Name)
	for i, m := range spec.Mutations {
		patcher, err := compiler.patcher(m)
		if err != nil {
			compiler.faults = append(compiler.faults, fmt.Errorf("spec.mutations[%d]: %w", i, err))
		}
		u.patchers = append(u.patchers, patcher)
	}
	if err := errors.Join(compiler.faults...); err != nil {
		return nil, err
	}
	base.conditions = compiler.each(spec.MatchConditions, typed.Name)
	if len(base.bindings) > 1 {
		policy, backwards := *base, *u
		policy.bindings = slices.Clone(base.bindings)
		slices.Reverse(policy.bindings)
		backwards.admissionPolicy = &policy
		u.backwards = &backwards
	}
	return []phased{{phaseMutateCEL, u}}, nil
}

func (c *admissionCompiler) patcher(m admissionregistrationv1.Mutation) (mappatch.Patcher, error) {
	declared := c.declared(true)
	declared.HasPatchTypes = true
	switch {
	case m.PatchType == admissionregistrationv1.PatchTypeJSONPatch && m.JSONPatch != nil:
		compiled := c.compiler.CompileMutatingEvaluator(&mappatch.JSONPatchCondition{Expression: m.JSONPatch.Expression}, declared, celenvironment.StoredExpressions)
		return mappatch.NewJSONPatcher(compiled), errors.Join(compiled.CompilationErrors()...)
	case m.PatchType == admissionregistrationv1.PatchTypeApplyConfiguration && m.ApplyConfiguration != nil:
		compiled := c.compiler.CompileMutatingEvaluator(&mappatch.ApplyConfigurationCondition{Expression: m.ApplyConfiguration.Expression}, declared, celenvironment.StoredExpressions)
		return mappatch.NewApplyConfigurationPatcher(compiled), errors.Join(compiled.CompilationErrors()...)
	}
	return nil, fmt.Errorf("patchType %q does not go with what is specified", m.PatchType)
}

func (u *mutatingAdmission) eval(ctx context.Context, req *request) answer {
	call, err := req.begin()
	if err != nil {
		return u.faulty(nil, nil, verdict.Mutate, err)
	}
	before, _ := call.attr.VersionedObject.(*unstructured.Unstructured)
	if before == nil {
		return answer{} // nothing to mutate
	}
	matched, err := call.matches(u.match)
	if err != nil {
		return u.faulty(call, nil, verdict.Mutate, fmt.Errorf("failed to configure policy: %w", err))
	}
	if err := u.unservedParams(req); matched && err != nil {
		return u.faulty(call, nil, verdict.Mutate, err)
	}
	converted := req.misses.take()
	var out answer
	for i := range u.bindings {
		if !matched {
			break
		}
		req.misses.all = append(req.misses.all, converted...)
		out.join(u.apply(ctx, call, &u.bindings[i]))
	}
	after, _ := call.attr.VersionedObject.(*unstructured.Unstructured)
	if out.deny == "" && after != nil && after != before {
		if out.object, err = changedObject(req.adm.Object.Raw, before, after); err != nil {
			return u.faulty(call, nil, verdict.Mutate, err)
		}
	}
	return out
}

// apply mutates the object under one binding, once for each parameter.
func (u *mutatingAdmission) apply(ctx context.Context, call *admissionCall, b *binding) answer {
	req := call.req
	matched, err := call.binds(b)
	if err != nil {
		return u.faulty(call, b, verdict.Mutate, fmt.Errorf("failed to configure binding: %w", err))
	}
	if !matched {
		req.misses.take()
		return answer{}
	}
	params, err := u.params(req, b)
	if err != nil {
		return u.faulty(call, b, verdict.Mutate, fmt.Errorf("failed to configure binding: %w", err))
	}
	before := call.attr.VersionedObject
	v := verdict.Verdict{Policy: u.name, Rule: b.name, Type: verdict.Mutate, Outcome: verdict.Skip, Message: matchConditionsNotMet}
	if len(params) == 0 {
		v.Message = "no parameters were found"
	}
	var failed error
	whole := len(req.misses.all) == 0 // what the conditions read is what was sent
	for _, param := range params {
		applied, err := u.patch(u.compiler.CreateContext(ctx), call, param)
		if applied && v.Outcome == verdict.Skip {
			v.Outcome, v.Message = verdict.Pass, ""
		}
		if err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return u.faulty(call, b, verdict.Mutate, errors.New(AtomicsInOrder(failed.Error())))
	}
	skipped := v
	v, maybe := u.needs.settleChange(v, req)
	switch {
	case v.Outcome != verdict.Undecided || maybe:
	case skipped.Outcome == verdict.Skip && whole && u.unmet(ctx, call, params):
		v = skipped
	default:
		call.attr.VersionedObject = before
	}
	return answer{verdicts: []verdict.Verdict{v}, maybe: maybe}
}

// patch runs the mutations in their order; one that fails does not stop the next.
func (u *mutatingAdmission) patch(ctx context.Context, call *admissionCall, param runtime.Object) (applied bool, failed error) {
	authorizer := offlineAuthorizer{call.req}
	if u.matcher != nil {
		result := u.matcher.Match(ctx, call.attr, param, authorizer)
		if result.Error != nil || !result.Matches {
			return false, result.Error
		}
	}
	for _, patcher := range u.patchers {
		patched, err := patcher.Patch(ctx, mappatch.Request{
			MatchedResource:     call.resource,
			VersionedAttributes: call.attr,
			ObjectInterfaces:    unstructuredObjects,
			OptionalVariables:   plugincel.OptionalVariableBindings{VersionedParams: param, Authorizer: authorizer},
			Namespace:           call.namespace,
			TypeConverter:       typesFor{u.types, call.req}.GetTypeConverter(call.attr.VersionedKind),
		}, celconfig.RuntimeCELCostBudget)
		if err != nil {
			if failed == nil {
				failed = err
			}
			continue
		}
		if u, ok := patched.(*unstructured.Unstructured); ok && admission.Known(capture.GVK(call.attr.VersionedKind)) {
			dropNulls(u.Object)
		}
		call.attr.Dirty, call.attr.VersionedObject = true, patched
	}
	return true, failed
}

// dropNulls drops fields that are null in JSON: an empty list of an ApplyConfiguration comes out
// as one. The API server holds its own kinds by types, which know no nulls.
func dropNulls(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			if isNull(field) {
				delete(value, key)
				continue
			}
			dropNulls(field)
		}
	case []any:
		for _, item := range value {
			dropNulls(item)
		}
	}
}

// isNull tells whether value is null in JSON: nil, or a list or map that never was made.
func isNull(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return value == nil
	case map[string]any:
		return value == nil
	}
	return false
}

// unstructuredObjects are the interfaces by which patchers read and write objects.
var unstructuredObjects = apiserver.NewObjectInterfacesFromScheme(runtime.NewScheme())
