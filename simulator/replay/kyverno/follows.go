package kyverno

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/kyverno/kyverno/pkg/engine"
	kubeutils "github.com/kyverno/kyverno/pkg/utils/kube"
)

// A webhook has one context for its policies that mutate. The first of them sees the request
// as JSON has it, with numbers that are all floating. After each policy, whether it changed
// anything or not, Kyverno puts the object into the context, with integers: many functions
// and comparisons of JMESPath take none. The images stay those of the object that was sent.

// follow says with which object the webhook was called, for a policy that comes after
// another one; 0 and nil for the first.
func (s *sideRun) follow(began int, object []byte) {
	s.began, s.req.classic.began = began, object
}

// passedOn is the context of a policy that comes after another one.
func passedOn(pc *engine.PolicyContext, object []byte) (*engine.PolicyContext, error) {
	now, err := kubeutils.BytesToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("decode the mutated object: %w", err)
	}
	return pc.WithNewResource(*now), pc.JSONContext().AddResource(now.DeepCopy().Object)
}

// passesOn tells whether a policy that mutates is run on the request, be it that none of its
// rules matches: Kyverno looks for the kind alone.
func (s *sideRun) passesOn(u phased) bool {
	m, ok := u.unit.(classicMutate)
	if !ok || s.req.env.mocks != nil || m.policy.IsNamespaced() && m.policy.GetNamespace() != s.req.adm.Namespace {
		return false
	}
	return m.mutated.names(s.req.kind, s.req.adm.SubResource, "")
}

// rereads tells whether what a policy says may depend on policies before it that change nothing.
func rereads(u phased) bool {
	m, ok := u.unit.(classicMutate)
	return ok && m.needs.context
}

// firsts are the orders in which one policy is the first that says something else when it is
// not. Those of the first and the last policy are looked at anyhow.
func (s *sideRun) firsts(ctx context.Context, asked webhook, object []byte) iter.Seq[[]phased] {
	return func(yield func([]phased) bool) {
		for i := 1; i < len(asked.units)-1; i++ {
			u := asked.units[i]
			if !rereads(u) || s.saysTheSame(ctx, u, object) {
				continue
			}
			if !yield(inRank(slices.Insert(slices.Delete(slices.Clone(asked.units), i, i+1), 0, u))) {
				return
			}
		}
	}
}

// saysTheSame tells whether a policy says of an object as the first what it says after others.
func (s *sideRun) saysTheSame(ctx context.Context, u phased, object []byte) bool {
	apart := &sideRun{req: s.req, common: s.common, outside: s.outside, side: s.side, version: s.version}
	apart.mutate(object)
	first := apart.ask(ctx, u)
	apart.follow(apart.version+1, object)
	return reflect.DeepEqual(first, apart.ask(ctx, u))
}
