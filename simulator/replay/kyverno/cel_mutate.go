package kyverno

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	policieskyvernoio "github.com/kyverno/api/api/policies.kyverno.io"
	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	"github.com/kyverno/kyverno/pkg/cel/policies/mpol/compiler"
	mpolengine "github.com/kyverno/kyverno/pkg/cel/policies/mpol/engine"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/admission"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// mutating is a MutatingPolicy or NamespacedMutatingPolicy at admission.
type mutating struct {
	*celPolicy
	failClosed bool // an error refuses the request
	types      *typeConverters
	typed      policiesv1beta1.MutatingPolicyLike
	compiled   *instances[[]mpolengine.Policy]
}

func (c *Compiler) newMutating(base *celPolicy, content []byte) ([]phased, error) {
	typed, err := decodeCEL[policiesv1beta1.MutatingPolicyLike](base, content, &policiesv1beta1.MutatingPolicy{}, &policiesv1beta1.NamespacedMutatingPolicy{})
	if err != nil {
		return nil, err
	}
	base.skipsOwn = typed.GetSpec().SkipBackgroundRequestsEnabled()
	u := &mutating{celPolicy: base, failClosed: typed.GetFailurePolicy(false) == admissionregistrationv1.Fail, types: c.cel.types, typed: typed}
	u.compiled, err = newInstances(base, base.needs.lookups, func(*library) ([]mpolengine.Policy, error) {
		provider, err := mpolengine.NewProvider(compiler.NewCompiler(), []policiesv1beta1.MutatingPolicyLike{typed}, base.exceptions, nil)
		if err != nil {
			return nil, err
		}
		all := provider.Fetch(context.Background(), false)
		sortVariants(all, func(v mpolengine.Policy) *admissionregistrationv1.MatchResources {
			return v.CompiledPolicy.MatchConstraints()
		})
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	for _, v := range u.compiled.sample().compiled {
		base.addVariant(v.CompiledPolicy.MatchConstraints())
	}
	spec := typed.GetSpec()
	if spec.EvaluationMode() != policieskyvernoio.EvaluationModeKubernetes {
		return nil, nil
	}
	var units []phased
	if mpolengine.NoTargetMatchConstraintPolicy()(typed) {
		units = append(units, phased{phaseMutateCEL, u})
	} else { // for what it selects instead; the scan has it mutate what sets it off all the same
		units = append(units, phased{phaseScan, u})
	}
	if spec.MutateExistingEnabled() {
		units = append(units, phased{phaseBackground, &mutatingExisting{u}})
	}
	return units, nil
}

func (u *mutating) eval(ctx context.Context, req *request) answer {
	body, err := req.decoded()
	if err != nil {
		return u.broken(verdict.Mutate, err)
	}
	original, _ := body.attr.GetObject().(*unstructured.Unstructured)
	var out answer
	var refusals []string
	attr := body.attr
	err = u.compiled.use(req, func(one *instance[[]mpolengine.Policy]) error {
		for i := range one.compiled {
			matched, err := u.matches(i, req, body)
			if err == nil && !matched {
				continue
			}
			v := verdict.Verdict{Policy: u.name, Type: verdict.Mutate}
			var patched *unstructured.Unstructured
			if err == nil {
				v, patched = u.judge(ctx, v, &one.compiled[i], one.library, req, attr, body)
			} else {
				v.Outcome, v.Message = verdict.Error, err.Error()
			}
			v, maybe := u.needs.settleChange(v, req)
			out.verdicts = append(out.verdicts, v)
			out.maybe = out.maybe || maybe
			if v.Outcome == verdict.Error && u.failClosed {
				refusals = append(refusals, fmt.Sprintf("Policy %s: %s", u.name.Name, v.Message))
			}
			if (v.Outcome == verdict.Pass || maybe) && patched != nil {
				attr = withObject(attr, patched)
			}
		}
		return nil
	})
	if err != nil {
		return u.broken(verdict.Mutate, err)
	}
	if len(refusals) > 0 {
		out.deny = strings.Join(refusals, " ")
		return out
	}
	if attr != body.attr && req.rec.Operation == capture.Delete {
		// The API server takes no patch of what is deleted, whatever the failure policy is.
		out.deny = "Internal error occurred: admission webhook attempted to modify the object, which is not supported for this operation"
		return out
	}
	if attr != body.attr {
		out.object, err = changedObject(req.adm.Object.Raw, original, attr.GetObject().(*unstructured.Unstructured))
		if err != nil {
			return u.broken(verdict.Mutate, err)
		}
	}
	return out
}

// judge evaluates one variant and returns what it made of the object.
func (u *mutating) judge(ctx context.Context, v verdict.Verdict, variant *mpolengine.Policy, lib *library, req *request, attr admission.Attributes, body *celBody) (verdict.Verdict, *unstructured.Unstructured) {
	if variant.ExtractionMode {
		v.Outcome, v.Message = verdict.Skip, "extraction mode: mutation for custom workload CRDs is not yet supported"
		return v, nil
	}
	adm := body.slim
	if u.needs.body {
		adm = &req.adm
	}
	result := variant.CompiledPolicy.Evaluate(ctx, attr, body.typed, *adm, typesFor{u.types, req}, lib)
	switch {
	case result == nil:
		v.Outcome, v.Message = verdict.Skip, matchConditionsNotMet
	case result.Error != nil:
		v.Outcome, v.Message = verdict.Error, "failed to evaluate policy: "+AtomicsInOrder(result.Error.Error())
	case len(result.Exceptions) > 0:
		v = excepted(v, result.Exceptions)
	default:
		v.Outcome = verdict.Pass
		return v, result.PatchedResource
	}
	return v, nil
}

// withObject returns attr with another object, for the next variant.
func withObject(attr admission.Attributes, object *unstructured.Unstructured) admission.Attributes {
	return admission.NewAttributesRecord(object, attr.GetOldObject(), attr.GetKind(), attr.GetNamespace(), attr.GetName(), attr.GetResource(),
		attr.GetSubresource(), attr.GetOperation(), nil, attr.IsDryRun(), attr.GetUserInfo())
}

// changedObject returns the JSON of the object after a mutation, nil when nothing changed.
// The namespace that Kyverno writes into every object does not count as a change. An empty list
// of an ApplyConfiguration comes out as null: the next policy of the webhook finds it there, and
// the API server drops it afterwards.
func changedObject(raw []byte, before, after *unstructured.Unstructured) ([]byte, error) {
	if equality.Semantic.DeepEqual(before.Object, after.Object) {
		return nil, nil
	}
	var written struct {
		Metadata struct {
			Namespace *string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &written); err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	own := written.Metadata.Namespace
	switch is := after.GetNamespace(); {
	case own == nil && is != "":
		after = after.DeepCopy()
		unstructured.RemoveNestedField(after.Object, "metadata", "namespace")
	case own != nil && *own != is && is == before.GetNamespace():
		after = after.DeepCopy()
		after.SetNamespace(*own)
	}
	return json.Marshal(after.Object)
}
