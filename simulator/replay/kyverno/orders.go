package kyverno

import (
	"context"
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
	began, after := s.version, false
	object := s.req.adm.Object.Raw
	defer s.follow(0, nil)
	for _, u := range units {
		if ctx.Err() != nil {
			break
		}
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
			break
		}
		if len(s.denials) > 0 && !mutates(u.unit) {
			break
		}
	}
}

// in runs units on an object, apart from the request's own way.
func (s *sideRun) in(ctx context.Context, units []phased, object []byte) *sideRun {
	apart := &sideRun{req: s.req, common: s.common, outside: s.outside, side: s.side, version: s.version}
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
	if !s.agrees(ctx, backwards, asked.units, object) {
		return
	}
	acting := slices.DeleteFunc(slices.Clone(asked.units), func(u phased) bool {
		return !slices.Contains(s.acting, u) && !slices.Contains(backwards.acting, u)
	})
	if len(acting) > 2 && !s.alike(ctx, acting, object, len(s.denials)+len(backwards.denials) > 0) {
		return
	}
	for _, order := range s.firsts(ctx, asked, object) {
		if !s.agrees(ctx, s.in(ctx, order, object), asked.units, object) {
			return
		}
	}
}

// agrees tells whether another way has the same outcome; else it notes the units to blame. Another
// refusal is noted with its words.
func (s *sideRun) agrees(ctx context.Context, way *sideRun, units []phased, object []byte) bool {
	if !s.same(way) {
		s.unordered = append(s.unordered, s.disputed(ctx, units, object)...)
		return false
	}
	if len(way.denials) > 0 {
		s.elsewise = append(s.elsewise, way.messages()...)
	}
	return true
}

// alike tells whether units do the same to an object whichever of them is the first or the last of
// those that it has to do with. Where one refuses it, it may do so for whatever another makes of it.
func (s *sideRun) alike(ctx context.Context, units []phased, object []byte, refused bool) bool {
	if refused {
		for _, order := range firstOf(ends(units), mostOrders) {
			if !s.agrees(ctx, s.in(ctx, order, object), units, object) {
				return false
			}
		}
		return true
	}
	for _, u := range units {
		near := around(u, units)
		if len(near) < 3 {
			continue // of two the order backwards has told
		}
		usual := s.in(ctx, near, object)
		rest := slices.DeleteFunc(slices.Clone(near), func(v phased) bool { return v == u })
		for _, order := range [][]phased{append([]phased{u}, rest...), append(slices.Clone(rest), u)} {
			if way := s.in(ctx, byPhase(order), object); !usual.agrees(ctx, way, near, object) {
				s.unordered = append(s.unordered, usual.unordered...)
				return false
			}
		}
	}
	return true
}

func firstOf[T any](all []T, most int) []T { return all[:min(len(all), most)] }

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
		s.unordered = s.disputed(ctx, units, object)
	}
}

// ends are the orders in which each unit is the first, or the last.
func ends(units []phased) (orders [][]phased) {
	for i, u := range units {
		rest := slices.Delete(slices.Clone(units), i, i+1)
		orders = append(orders, byPhase(append([]phased{u}, rest...)), byPhase(append(rest, u)))
	}
	return orders
}

// byPhase sorts units by phase: those that verify images come after those that mutate.
func byPhase(units []phased) []phased {
	slices.SortStableFunc(units, func(a, b phased) int { return int(a.phase) - int(b.phase) })
	return units
}

// same tells whether two ways have come to the same object, or to a refusal.
func (s *sideRun) same(other *sideRun) bool {
	if len(s.denials)+len(other.denials) > 0 {
		return len(s.denials) > 0 && len(other.denials) > 0
	}
	return equalJSON(s.req.adm.Object.Raw, other.req.adm.Object.Raw)
}

// disputed are the policies of a webhook whose order makes a difference: pairs that do by
// themselves, or else all that were asked.
func (s *sideRun) disputed(ctx context.Context, asked []phased, object []byte) (found []verdict.PolicyRef) {
	for i, a := range asked {
		for _, b := range asked[i+1:] {
			if a.phase != b.phase || ctx.Err() != nil || len(asked) > mostPairs && !meet(a.unit, b.unit) {
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
