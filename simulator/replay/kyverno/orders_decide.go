package kyverno

import (
	"context"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// Where the order of the policies that mutate makes a difference, it may decide: whether one of them
// refuses the request, or what those say that validate.

// gamble notes the policies that refuse the request in one order of a webhook and not in another.
func (s *sideRun) gamble(way *sideRun) {
	here, there := len(s.denials) > 0, len(way.denials) > 0
	if here == there {
		return
	}
	of := s
	for of.whole != nil {
		of = of.whole
	}
	for _, d := range slices.Concat(s.denials, way.denials) {
		of.chancy = append(of.chancy, d.unit.ref())
	}
	of.gambled = of.gambled || of == s && here
}

// inAnyOrder settles what a side says in the order of names with what it says backwards, and with
// what was seen of other orders.
func (e *Engine) inAnyOrder(ctx context.Context, s *sideRun, j *verdict.Judgement) {
	if len(s.unordered) == 0 || s.req.env.mocks != nil {
		return
	}
	apart := &sideRun{req: s.origin, common: s.common, outside: s.outside, side: s.side, engine: e, backwards: true, origin: s.origin}
	apart.mutateAll(ctx, s.side.hooks)
	weigh([]*sideRun{apart})
	apart.run(ctx)
	other := apart.judgement()
	refused := j.Decision == verdict.Denied && other.Decision == verdict.Denied && !s.gambled
	drawn := orderMiss(j.Unordered, !refused && (len(s.chancy) > 0 || j.Decision != other.Decision))
	agree(j, other, drawn.reason, func(v verdict.Verdict) verdict.Verdict {
		w, asked := sameRule(other.Verdicts, v)
		fails := v.Outcome == verdict.Error || w.Outcome == verdict.Error
		if v.Type == verdict.Mutate && (!fails || refused) || !asked && other.Decision == verdict.Denied || v.Outcome == verdict.Undecided {
			return v
		}
		return unsettled(v, drawn)
	})
	if len(s.chancy) == 0 || j.Decision == verdict.Denied && !s.gambled {
		return
	}
	j.Decision, j.Reason, j.Message, j.Messages = verdict.DecisionUndecided, drawn.reason, "", nil
	for i, v := range j.Verdicts {
		if slices.Contains(s.chancy, v.Policy) && v.Type == verdict.Mutate {
			j.Verdicts[i] = unsettled(v, drawn)
		}
	}
}

func unsettled(v verdict.Verdict, why miss) verdict.Verdict {
	v.Message, v.Exceptions = "", nil
	return undecided(v, []miss{why})
}

// orderMiss is what is not known where the order of policies decides: what a rule says, or whether the
// request is refused.
func orderMiss(of []verdict.PolicyRef, refuses bool) miss {
	what := "it"
	if refuses {
		what = "whether the request is refused"
	}
	names := make([]string, len(of))
	for i, p := range of {
		names[i] = p.Name
	}
	return miss{
		reason:  what + " depends on the order of " + strings.Join(names, ", ") + ", which Kyverno draws for each request",
		resolve: "have these policies agree on what they mutate, or make one of them",
	}
}
