package kyverno

import (
	"context"
	"errors"
	"slices"
	"strings"

	policieskyvernoio "github.com/kyverno/api/api/policies.kyverno.io"
	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	celengine "github.com/kyverno/kyverno/pkg/cel/engine"
	"github.com/kyverno/kyverno/pkg/cel/policies/vpol/compiler"
	vpolengine "github.com/kyverno/kyverno/pkg/cel/policies/vpol/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// validating is a ValidatingPolicy or NamespacedValidatingPolicy.
type validating struct {
	*celPolicy
	actions  []admissionregistrationv1.ValidationAction
	compiled *instances[[]vpolengine.Policy] // as written first, then what autogen made of it
}

func (c *Compiler) newValidating(base *celPolicy, content []byte) ([]phased, error) {
	typed, err := decodeCEL[policiesv1beta1.ValidatingPolicyLike](base, content, &policiesv1beta1.ValidatingPolicy{}, &policiesv1beta1.NamespacedValidatingPolicy{})
	if err != nil {
		return nil, err
	}
	spec := typed.GetValidatingPolicySpec()
	switch mode := spec.EvaluationMode(); {
	case mode == policieskyvernoio.EvaluationModeKubernetes || !c.opt.EveryPolicy:
	case mode == policieskyvernoio.EvaluationModeJSON:
		return newValidatingJSON(base, typed)
	default:
		return newAuthorizing(base, string(mode), content)
	}
	if spec.EvaluationMode() != policieskyvernoio.EvaluationModeKubernetes {
		return nil, nil
	}
	u := &validating{celPolicy: base, actions: spec.ValidationActions()}
	u.compiled, err = newInstances(base, base.needs.lookups, func(*library) ([]vpolengine.Policy, error) {
		provider, err := vpolengine.NewProvider(compiler.NewCompiler(), []policiesv1beta1.ValidatingPolicyLike{typed}, base.exceptions)
		if err != nil {
			return nil, err
		}
		all, err := provider.Fetch(context.Background())
		sortVariants(all, func(v vpolengine.Policy) *admissionregistrationv1.MatchResources {
			return v.CompiledPolicy.MatchConstraints()
		})
		return all, err
	})
	if err != nil {
		return nil, err
	}
	for _, v := range u.compiled.sample().compiled {
		base.addVariant(v.CompiledPolicy.MatchConstraints())
		for _, condition := range v.Policy.GetMatchConditions() { // autogen may add some
			base.needs.request = base.needs.request || celWhole.MatchString(condition.Expression)
		}
	}
	return []phased{{phaseValidate, u}}, nil
}

// sortVariants orders what autogen made of a policy, which comes in random order.
func sortVariants[T any](all []T, match func(T) *admissionregistrationv1.MatchResources) {
	key := func(v T) string {
		var names []string
		for _, rule := range match(v).ResourceRules {
			for _, group := range rule.APIGroups {
				names = append(names, group+"/"+strings.Join(rule.Resources, ","))
			}
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	if len(all) > 1 {
		slices.SortStableFunc(all[1:], func(a, b T) int { return strings.Compare(key(a), key(b)) })
	}
}

func (u *validating) eval(ctx context.Context, req *request) answer {
	req = u.needs.addressed(req)
	body, err := req.decoded()
	if err != nil {
		return u.broken(verdict.Validate, err)
	}
	var out answer
	err = u.compiled.use(req, func(one *instance[[]vpolengine.Policy]) error {
		for i := range one.compiled {
			matched, err := u.matches(i, req, body)
			if err == nil && !matched {
				continue
			}
			v, needs := verdict.Verdict{Policy: u.name, Type: verdict.Validate}, &u.needs
			if err == nil {
				w := u.watching(req, &one.compiled[i])
				v = u.judge(ctx, v, &one.compiled[i], one.library, req, body, w)
				needs = u.needs.without(w.untouched())
			} else {
				v.Outcome, v.Message = verdict.Error, err.Error()
			}
			out.add(u.actions, needs.settle(v, req, req.misses.take()))
		}
		return nil
	})
	if err != nil {
		return u.broken(verdict.Validate, err)
	}
	return out
}

// watching is nil, too, where the API server evaluates the conditions first and that may rest on what is
// not known, and for variants that are left to Kyverno's engine.
func (u *validating) watching(req *request, variant *vpolengine.Policy) *watch {
	if variant.ExtractionMode || u.webhook != nil && u.webhook.unknown(req) != nil {
		return nil
	}
	return u.needs.watching(req)
}

// judge evaluates one variant and says what Kyverno's engine would.
func (u *validating) judge(ctx context.Context, v verdict.Verdict, variant *vpolengine.Policy, lib *library, req *request, body *celBody, w *watch) verdict.Verdict {
	if variant.ExtractionMode {
		return judgeExtracted(ctx, v, variant, lib, req, body)
	}
	var adm *admissionv1.AdmissionRequest // nil: converting it costs as much as a simple expression
	switch {
	case u.needs.body:
		adm = &req.adm
	case u.needs.request:
		adm = body.slim
	}
	result, err := variant.CompiledPolicy.Evaluate(ctx, nil, w.attributes(req, body.attr), adm, body.namespace, lib)
	switch {
	case err != nil:
		v.Outcome, v.Message = verdict.Error, "failed to load context: "+err.Error()
	case result == nil:
		v.Outcome, v.Message = verdict.Skip, matchConditionsNotMet
	case len(result.Exceptions) > 0:
		v = excepted(v, result.Exceptions)
	case result.Error != nil:
		v.Outcome, v.Message = verdict.Error, "error: "+result.Error.Error()
	case result.Result:
		v.Outcome = verdict.Pass
	default:
		v.Outcome, v.Message = verdict.Fail, result.Message
	}
	return v
}

// judgeExtracted leaves variants for custom workloads to Kyverno's engine, which finds the
// pod templates in them. The policy is known to match.
func judgeExtracted(ctx context.Context, v verdict.Verdict, variant *vpolengine.Policy, lib *library, req *request, body *celBody) verdict.Verdict {
	one := vpolengine.ProviderFunc(func(context.Context) ([]vpolengine.Policy, error) { return []vpolengine.Policy{*variant}, nil })
	namespace := func(string) *corev1.Namespace { return body.typed }
	response, err := vpolengine.NewEngine(one, namespace, nil).Handle(ctx, celengine.RequestFromAdmission(lib, req.adm), nil)
	if err == nil && (len(response.Policies) != 1 || len(response.Policies[0].Rules) != 1) {
		err = errors.New("the engine gave no answer")
	}
	if err != nil {
		v.Outcome, v.Message = verdict.Error, err.Error()
		return v
	}
	rule := &response.Policies[0].Rules[0]
	v.Outcome, v.Message, v.Exceptions = outcomeOf(rule.Status()), rule.Message(), exceptionNames(rule)
	switch {
	case rule.Status() == engineapi.RuleStatusPass && len(v.Exceptions) == 0:
		v.Message = ""
	case rule.SkipReason() == engineapi.SkipReasonMatchConditions:
		v.Message = matchConditionsNotMet
	}
	return v
}

const matchConditionsNotMet = "match conditions are not met"

func (u *validating) onlyAudits(*request) bool {
	return len(u.actions) > 0 && !slices.Contains(u.actions, admissionregistrationv1.Deny)
}
