package kyverno

import (
	"context"
	"iter"
	"slices"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// The policies of one webhook run in an order that is drawn for each request. What depends
// on it cannot be foretold, and is told of.

// each has units answer one after the other, and notes which of them act: change the object
// or refuse the request. A refusal ends it, but for MutatingPolicies: Kyverno asks all of
// them, and lists what each says.
func (s *sideRun) each(ctx context.Context, units []phased, take func(phased, answer)) {
	s.acting = nil
	began, steps, after := s.version, len(s.steps), false
	object := s.req.adm.Object.Raw
	defer s.follow(0, nil)
	for _, u := range units {
		version, denials, broken := s.version, len(s.denials), len(s.broken)
		s.follow(0, nil)
		if after && rereads(u) {
			s.follow(began+1, object)
		}
		take(u, s.ask(ctx, u))
		after = after || s.passesOn(u)
		if s.version != version || len(s.denials) > denials {
			s.acting = append(s.acting, u)
		}
		if len(s.broken) > broken {
			s.mutate(object) // nothing comes of what the others did
			s.steps = s.steps[:steps]
			break
		}
		if len(s.denials) > 0 && !mutates(u.unit) {
			break
		}
	}
}

// in runs units on an object, apart from the request's own way.
func (s *sideRun) in(ctx context.Context, units []phased, object []byte) *sideRun {
	apart := &sideRun{req: s.req, common: s.common, outside: s.outside, side: s.side, version: s.version, whole: s}
	apart.mutate(object)
	apart.each(ctx, units, apart.take)
	return apart
}

// seeing is the webhook with those of its units that are asked about the request.
func (s *sideRun) seeing(hook webhook) webhook {
	if !hook.shuffled() {
		return hook
	}
	asked := webhook{name: hook.name}
	for _, u := range hook.units {
		if req, err := s.seenBy(u); req != nil && err == nil || s.passesOn(u) {
			asked.units = append(asked.units, u)
		}
	}
	return asked
}

// compareOrders looks what a webhook that was asked about an object would have done in other
// orders: backwards; of those policies that act and have to do with each other, with each one first
// and each one last; and with each one first that says something else then.
// An outcome that differs is noted with the policies to blame, another refusal with its words.
func (s *sideRun) compareOrders(ctx context.Context, asked webhook, object []byte) {
	backwards := s.in(ctx, asked.backwards(), object)
	acting := slices.DeleteFunc(slices.Clone(asked.units), func(u phased) bool {
		return !slices.Contains(s.acting, u) && !slices.Contains(backwards.acting, u)
	})
	refused := len(s.denials)+len(backwards.denials) > 0
	if !s.agrees(backwards) || !s.agreesAround(ctx, acting, object, refused) || !s.agreesInAll(ctx, s.firsts(ctx, asked, object), object) {
		s.unordered = append(s.unordered, s.disputed(ctx, asked.units, acting, object)...)
	}
}

// agreesAround tries each unit as the first and as the last of those that it has to do with. Where one
// refuses the object, it may do so for whatever another makes of it.
func (s *sideRun) agreesAround(ctx context.Context, units []phased, object []byte, refused bool) bool {
	if refused {
		return s.agreesInAll(ctx, ends(units), object)
	}
	for _, u := range units {
		near := around(u, units)
		if len(near) < 3 {
			continue // of two the order backwards has told
		}
		rest := slices.DeleteFunc(slices.Clone(near), func(v phased) bool { return v == u })
		orders := slices.Values([][]phased{inRank(append([]phased{u}, rest...)), inRank(append(slices.Clone(rest), u))})
		if !s.in(ctx, near, object).agreesInAll(ctx, orders, object) {
			return false
		}
	}
	return true
}

// agreesInAll tells whether nothing comes out differently in any of some orders. The first that
// does settles it: each takes a webhook's time.
func (s *sideRun) agreesInAll(ctx context.Context, orders iter.Seq[[]phased], object []byte) bool {
	for order := range orders {
		if !s.agrees(s.in(ctx, order, object)) {
			return false
		}
	}
	return true
}

// agrees tells whether another way has come to the same, and keeps what it would say.
func (s *sideRun) agrees(way *sideRun) bool {
	s.overhear(way)
	if s.same(way) {
		return true
	}
	s.gamble(way)
	return false
}

// compareOwn looks whether the API server's own policies that mutate, and the bindings of each, make
// something else of the object in the other order: it draws both whenever one of them changes.
func (s *sideRun) compareOwn(ctx context.Context, hooks []webhook) {
	var units, backwards []phased
	several := false
	for _, hook := range hooks {
		for _, u := range hook.units {
			other := u
			if m, ok := u.unit.(*mutatingAdmission); ok && m.backwards != nil {
				other.unit, several = m.backwards, true
			}
			units, backwards = append(units, u), append([]phased{other}, backwards...)
		}
	}
	if len(units) < 2 && !several {
		return
	}
	object := s.req.adm.Object.Raw
	if s.in(ctx, units, object).same(s.in(ctx, backwards, object)) {
		return
	}
	for i, u := range units {
		one, other := []phased{u}, []phased{backwards[len(units)-1-i]}
		if !s.in(ctx, one, object).same(s.in(ctx, other, object)) {
			s.unordered = append(s.unordered, u.unit.ref())
		}
	}
	if len(s.unordered) == 0 {
		s.unordered = s.disputed(ctx, units, units, object)
	}
}

// ends are the orders in which each of more than two units is the first, or the last.
func ends(units []phased) iter.Seq[[]phased] {
	return func(yield func([]phased) bool) {
		for i, u := range units {
			rest := slices.Delete(slices.Clone(units), i, i+1)
			first, last := append([]phased{u}, rest...), append(slices.Clone(rest), u)
			if len(units) < 3 || !yield(inRank(first)) || !yield(inRank(last)) {
				return
			}
		}
	}
}

// same tells whether two ways have come to the same object, or to a refusal.
func (s *sideRun) same(other *sideRun) bool {
	if len(s.denials)+len(other.denials) > 0 {
		return len(s.denials) > 0 && len(other.denials) > 0
	}
	return equalJSON(s.req.adm.Object.Raw, other.req.adm.Object.Raw)
}

// disputed are the policies of a webhook whose order makes a difference: pairs that do by
// themselves, or else all that were asked. Of many, those pairs alone are tried that act and have to
// do with each other.
func (s *sideRun) disputed(ctx context.Context, asked, acting []phased, object []byte) (found []verdict.PolicyRef) {
	tried, many := asked, len(asked) > mostPairs
	if many {
		tried = acting
	}
	for i, a := range tried {
		for _, b := range tried[i+1:] {
			if rank(a) != rank(b) || many && !meet(a.unit, b.unit) {
				continue
			}
			if !s.in(ctx, []phased{a, b}, object).same(s.in(ctx, []phased{b, a}, object)) {
				found = append(found, a.unit.ref(), b.unit.ref())
			}
		}
	}
	if len(found) == 0 {
		return policies(asked)
	}
	return found
}
