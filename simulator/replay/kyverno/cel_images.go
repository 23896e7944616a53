package kyverno

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	gcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	policieskyvernoio "github.com/kyverno/api/api/policies.kyverno.io"
	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	ivpolengine "github.com/kyverno/kyverno/pkg/cel/policies/ivpol/engine"
	imageverifycache "github.com/kyverno/kyverno/pkg/image/verification/cache"
	"github.com/kyverno/kyverno/pkg/image/verification/evaluator"
	"github.com/kyverno/sdk/extensions/imagedataloader"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// imageValidating is an ImageValidatingPolicy or NamespacedImageValidatingPolicy. Images are
// verified by what their registries answered when the capture was made. Without that it can
// still say which images it would verify, and the rest: matches, conditions, exceptions,
// missing digests; a request with an image to verify is undecided then.
type imageValidating struct {
	*celPolicy
	actions  []admissionregistrationv1.ValidationAction
	pins     bool // replaces tags by digests, which the registry knows
	typed    policiesv1beta1.ImageValidatingPolicyLike
	compiled *instances[*imagePolicies]
}

// imagePolicies are the variants of one policy. What Kyverno compiles depends on the
// resource of the request, by which the images are found in it.
type imagePolicies struct {
	library  *library
	variants []ivpolengine.Policy
	made     map[madeFor]evaluator.CompiledPolicy
}

type madeFor struct {
	variant  int
	resource metav1.GroupVersionResource
}

// registryImages stands where Kyverno's image fetcher would be.
type registryImages struct{ *library }

func (f registryImages) client() images { return images{f.req, f.trust} }

// AddImages fetches images before they are asked for, the first that cannot be had ends it.
func (f registryImages) AddImages(ctx context.Context, images []string, _ []gcrremote.Option, _ []name.Option) error {
	for _, image := range images {
		if _, err := f.Get(ctx, image, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Get returns an image. What Kyverno would authenticate with is of no use here.
func (f registryImages) Get(ctx context.Context, image string, _ []gcrremote.Option, _ []name.Option) (*imagedataloader.ImageData, error) {
	from := f.client()
	options, names, err := from.Options(ctx)
	if err != nil {
		return nil, from.miss(image)
	}
	fetcher, err := imagedataloader.New(nil, options, nil)
	if err != nil {
		return nil, err
	}
	return fetcher.FetchImageData(ctx, image, nil, names)
}

func (c *Compiler) newImageValidating(base *celPolicy, content []byte) ([]phased, error) {
	typed, err := decodeCEL[policiesv1beta1.ImageValidatingPolicyLike](base, content, &policiesv1beta1.ImageValidatingPolicy{}, &policiesv1beta1.NamespacedImageValidatingPolicy{})
	if err != nil {
		return nil, err
	}
	spec := typed.GetSpec()
	if spec.EvaluationMode() != policieskyvernoio.EvaluationModeKubernetes {
		return nil, nil
	}
	spec.Credentials = nil // of a registry that is not asked
	trust := celAtHand(spec.Attestors)
	u := &imageValidating{celPolicy: base, actions: spec.ValidationActions(), typed: typed}
	u.pins = spec.ValidationConfigurations.MutateDigest == nil || *spec.ValidationConfigurations.MutateDigest
	// Exclusive: whether an image is asked for is only known by being asked.
	u.compiled, err = newInstances(base, true, func(lib *library) (*imagePolicies, error) {
		lib.trust = trust
		provider, err := ivpolengine.NewProvider([]policiesv1beta1.ImageValidatingPolicyLike{typed}, base.exceptions)
		if err != nil {
			return nil, err
		}
		all, err := provider.Fetch(context.Background())
		sortVariants(all, matchOfImagePolicy)
		return &imagePolicies{library: lib, variants: all, made: map[madeFor]evaluator.CompiledPolicy{}}, err
	})
	if err != nil {
		return nil, err
	}
	for _, v := range u.compiled.sample().compiled.variants {
		base.addVariant(matchOfImagePolicy(v))
	}
	units := []phased{{phaseValidate, u}}
	if u.pins {
		units = slices.Insert(units, 0, phased{phaseMutateCEL, &imagePinning{u}})
	}
	return units, nil
}

func matchOfImagePolicy(v ivpolengine.Policy) *admissionregistrationv1.MatchResources {
	return v.Policy.GetSpec().MatchConstraints
}

// variant returns a variant as compiled for a resource.
func (p *imagePolicies) variant(i int, resource metav1.GroupVersionResource) (evaluator.CompiledPolicy, error) {
	if p.variants[i].ExtractionMode {
		resource = metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	}
	key := madeFor{i, resource}
	if made, ok := p.made[key]; ok {
		return made, nil
	}
	var made evaluator.CompiledPolicy
	err := compileWith(p.library, func() error {
		compiler := evaluator.NewCompiler(registryImages{p.library}, nil, &resource, imageverifycache.DisabledImageVerifyCache())
		compiled, errs := compiler.Compile(p.variants[i].Policy, p.variants[i].Exceptions, nil)
		made = compiled
		return errs.ToAggregate()
	})
	if err == nil {
		p.made[key] = made
	}
	return made, err
}

func (u *imageValidating) eval(ctx context.Context, req *request) answer {
	body, err := req.decoded()
	if err != nil {
		return u.broken(verdict.VerifyImages, err)
	}
	var out answer
	err = u.compiled.use(req, func(one *instance[*imagePolicies]) error {
		for i := range one.compiled.variants {
			matched, err := u.matches(i, req, body)
			if err == nil && !matched {
				continue
			}
			v := verdict.Verdict{Policy: u.name, Type: verdict.VerifyImages}
			if err == nil {
				v, err = u.judge(ctx, v, i, one.compiled, req, body)
			}
			if err != nil {
				v.Outcome, v.Message = verdict.Error, err.Error()
			}
			out.add(u.actions, u.needs.settle(v, req, req.misses.take()))
		}
		return nil
	})
	if err != nil {
		return u.broken(verdict.VerifyImages, err)
	}
	return out
}

func (u *imageValidating) judge(ctx context.Context, v verdict.Verdict, i int, policies *imagePolicies, req *request, body *celBody) (verdict.Verdict, error) {
	compiled, err := policies.variant(i, req.adm.Resource)
	if err != nil {
		return v, fmt.Errorf("failed to compile policy: %w", err)
	}
	images := registryImages{policies.library}
	if u.pins && !policies.variants[i].ExtractionMode && req.rec.Operation != capture.Delete && !req.nobody {
		// What could be pinned, was. Where a digest is not known, no more is known of the image.
		_, err := compiled.MutateDigest(ctx, images, body.attr, &req.adm, body.namespace, *triggerOf(req, body), req.env.cfg)
		if err != nil && (req.env.mocks != nil || len(req.misses.all) > 0) {
			return v, fmt.Errorf("failed to update digest: %w", err)
		}
	}
	var result *evaluator.EvaluationResult
	if policies.variants[i].ExtractionMode {
		result, err = u.judgeTemplates(ctx, compiled, images, req, body)
	} else {
		result, err = compiled.Evaluate(ctx, images, body.attr, &req.adm, body.namespace, true, policies.library)
	}
	switch {
	case err != nil:
		return v, fmt.Errorf("failed to evaluate policy: %w", err)
	case result == nil:
		v.Outcome, v.Message = verdict.Skip, matchConditionsNotMet
	case len(result.Exceptions) > 0:
		v = excepted(v, result.Exceptions)
		v.Outcome = verdict.Skip // reportResult has no effect on these policies
	case result.Error != nil:
		return v, fmt.Errorf("error: %w", result.Error)
	case !result.Result:
		v.Outcome, v.Message = verdict.Fail, result.Message
	default:
		v.Outcome = verdict.Pass
		if err := compiled.EnforceRequired(result.MatchedImages); err != nil {
			v.Outcome, v.Message = verdict.Fail, err.Error()
		}
	}
	if v.Outcome == verdict.Fail && req.unpinned {
		_ = images.client().miss("a digest") // it may be what is missing; the request knows
	}
	return v, nil
}
