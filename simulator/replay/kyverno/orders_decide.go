package kyverno

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// Where the order of the policies that mutate makes a difference, it may decide: whether one of them
// refuses the request, or what those say that validate.

const (
	allOrders  = 4  // as many policies are tried in all their orders
	mostOrders = 24 // that are tried of more
	shuffled   = 8  // of them, at least
)

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

// inAnyOrder settles what a side says in the order of names with what it says in others.
func (e *Engine) inAnyOrder(ctx context.Context, s *sideRun, j *verdict.Judgement) {
	if len(s.unordered) == 0 || s.req.env.mocks != nil {
		return
	}
	for order := 1; order <= s.orders && j.Decision != verdict.DecisionUndecided && ctx.Err() == nil; order++ {
		apart := &sideRun{req: s.origin, common: s.common, outside: s.outside, side: s.side, engine: e, order: order, origin: s.origin}
		apart.mutateAll(ctx, s.side.hooks)
		weigh([]*sideRun{apart})
		apart.run(ctx)
		s.weighOrder(j, apart.judgement())
	}
	if len(s.chancy) == 0 || j.Decision == verdict.Denied && !s.gambled {
		return
	}
	drawn := orderMiss(j.Unordered, true)
	j.Decision, j.Reason, j.Message, j.Messages = verdict.DecisionUndecided, drawn.reason, "", nil
	for i, v := range j.Verdicts {
		if slices.Contains(s.chancy, v.Policy) && v.Type == verdict.Mutate {
			j.Verdicts[i] = unsettled(v, drawn)
		}
	}
}

// weighOrder settles an answer with that of another order.
func (s *sideRun) weighOrder(j *verdict.Judgement, other verdict.Judgement) {
	refused := j.Decision == verdict.Denied && other.Decision == verdict.Denied && !s.gambled
	for _, w := range other.Verdicts {
		if _, ok := sameRule(j.Verdicts, w); !ok && w.Type == verdict.Mutate {
			j.Unordered = append(j.Unordered, w.Policy) // it has something to do in that order alone
		}
	}
	slices.SortFunc(j.Unordered, verdict.PolicyRef.Compare)
	j.Unordered = slices.Compact(j.Unordered)
	drawn := orderMiss(j.Unordered, !refused && (len(s.chancy) > 0 || j.Decision != other.Decision))
	agree(j, other, drawn.reason, func(v verdict.Verdict) (verdict.Verdict, bool) {
		w, asked := sameRule(other.Verdicts, v)
		_, known := sameRule(j.Verdicts, v)
		fails := v.Outcome == verdict.Error || w.Outcome == verdict.Error
		switch {
		case v.Type == verdict.Mutate && (!fails || refused), !asked && other.Decision == verdict.Denied, v.Outcome == verdict.Undecided:
			return v, known
		}
		return unsettled(v, drawn), true
	})
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

// ordered are the units of a webhook in one of its orders: 0 is that of names, 1 the other way round. Of
// the rest, few units come in all, many turned round, as Go's maps are, and shuffled.
func ordered(units []phased, order int) []phased {
	n, out := len(units), slices.Clone(units)
	switch {
	case order == 0:
		return out
	case order == 1:
		slices.Reverse(out)
	case n <= allOrders:
		out = permutation(out, order-1)
	case order >= 2*n || order >= mostOrders-shuffled:
		rand.New(rand.NewPCG(uint64(n), uint64(order))).Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	case order <= n:
		out = slices.Concat(units[order-1:], units[:order-1])
	default:
		slices.Reverse(out)
		out = slices.Concat(out[order-n:], out[:order-n])
	}
	return inRank(out)
}

// permutation is one of the orders of a few units, by its number.
func permutation(units []phased, number int) (out []phased) {
	rest := slices.Clone(units)
	for n := len(rest); n > 0; n-- {
		at := number % n
		number /= n
		out, rest = append(out, rest[at]), slices.Delete(rest, at, at+1)
	}
	return out
}

// ordersOf is how many orders of a number of units are tried besides that of names.
func ordersOf(units int) int {
	if units > allOrders {
		return mostOrders
	}
	n := 1
	for i := 2; i <= units; i++ {
		n *= i
	}
	return n
}

// inRank sorts units by what is not drawn: those that verify images come after those that mutate, and the
// policies of a namespace after those of the cluster.
func inRank(units []phased) []phased {
	slices.SortStableFunc(units, func(a, b phased) int { return rank(a) - rank(b) })
	return units
}

func rank(u phased) int {
	of := 2 * int(u.phase)
	if u.unit.ref().Kind == "Policy" {
		of++
	}
	return of
}
