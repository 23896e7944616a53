package kyverno

import (
	"context"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	enginepatch "github.com/kyverno/kyverno/pkg/engine/mutate/patch"
	jsonutils "github.com/kyverno/kyverno/pkg/utils/json"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// imagePinning is an ImageValidatingPolicy where it mutates: it puts digests in the place of
// tags, before anything is verified. An image whose digest is not to be had is an error.
type imagePinning struct{ *imageValidating }

// pinRule is what Kyverno calls the result.
const pinRule = "mutateDigest"

// sees leaves test suites out: their runner does not mutate by these policies.
func (u *imagePinning) sees(req *request) bool {
	return req.env.mocks == nil && u.imageValidating.sees(req)
}

func (u *imagePinning) eval(ctx context.Context, req *request) answer {
	body, err := req.decoded()
	if err != nil {
		return u.broken(verdict.Mutate, err)
	}
	var out answer
	err = u.compiled.use(req, func(one *instance[*imagePolicies]) error {
		object := req.adm.Object.Raw
		for i, variant := range one.compiled.variants {
			matched, err := u.matches(i, req, body)
			if variant.ExtractionMode || err != nil || !matched {
				req.misses.take() // validation says so
				continue
			}
			v := verdict.Verdict{Policy: u.name, Rule: pinRule, Type: verdict.Mutate, Outcome: verdict.Pass}
			patch, err := u.digests(ctx, i, one.compiled, req, body)
			if err != nil {
				v.Outcome, v.Message = verdict.Error, "failed to update digest: "+err.Error()
			}
			v = u.needs.settle(v, req, req.misses.take())
			if v.Outcome == verdict.Undecided { // so is what validation says of the image
				out.unpinned = true
				continue
			}
			if v.Outcome == verdict.Pass && patch == nil {
				continue
			}
			out.add(u.actions, v)
			if patch == nil {
				continue
			}
			decoded, err := jsonpatch.DecodePatch(patch)
			if err == nil {
				object, err = decoded.Apply(object)
			}
			if err != nil {
				return fmt.Errorf("pin the images: %w", err)
			}
			out.object = object
		}
		return nil
	})
	if err != nil {
		return u.broken(verdict.Mutate, err)
	}
	return out
}

// digests is the patch that one variant makes; nil for none.
func (u *imagePinning) digests(ctx context.Context, i int, policies *imagePolicies, req *request, body *celBody) ([]byte, error) {
	compiled, err := policies.variant(i, req.adm.Resource)
	if err != nil {
		return nil, nil // validation says why
	}
	operations, err := compiled.MutateDigest(ctx, registryImages{policies.library}, body.attr, &req.adm, body.namespace, *triggerOf(req, body), req.env.cfg)
	if len(operations) == 0 {
		return nil, err
	}
	return jsonutils.JoinPatches(enginepatch.ConvertPatches(operations...)...), err
}
