package kyverno

import (
	"context"
	"slices"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// mutateAll has the API server's two plugins that mutate by configuration change the object:
// its own policies, then webhooks. When one of them changes it, all plugins run a second
// time, the built-in ones too. It returns false when the request is refused.
func (s *sideRun) mutateAll(ctx context.Context, hooks []webhook) bool {
	if s.req.rec.Operation == capture.Delete {
		hooks = refusingDeletions(hooks)
	}
	own := len(hooks)
	if i := slices.IndexFunc(hooks, func(w webhook) bool { return w.name != "" }); i >= 0 {
		own = i
	}
	plugins := []*plugin{{hooks: hooks[:own], own: true}, {hooks: hooks[own:]}}
	run := func(second bool) (touched, admitted bool) {
		for _, p := range plugins {
			did, admitted := p.run(ctx, s, second)
			if !admitted {
				return false, false
			}
			touched = touched || did
		}
		return touched, true
	}
	touched, admitted := run(false)
	if !admitted || !touched {
		return admitted
	}
	if s.pluggedAgain(); s.refused != "" {
		return false
	}
	_, admitted = run(true)
	return admitted
}

// refusingDeletions are the webhooks that have a say in deletions. The others find nothing to mutate;
// a MutatingPolicy is asked nevertheless, about no object, and what it cannot do it refuses.
func refusingDeletions(hooks []webhook) (found []webhook) {
	for _, hook := range hooks {
		if slices.ContainsFunc(hook.units, func(u phased) bool { return mutates(u.unit) }) {
			found = append(found, hook)
		}
	}
	return found
}

// plugin is what one of the two remembers between its runs of one request. The second run
// calls those alone that were called before, want to be called again, and were followed by
// a change: also by one that the second run itself makes.
type plugin struct {
	hooks  []webhook
	own    bool         // the API server's own policies
	called map[int]bool // since the last change; those that want to be called again
	again  map[int]bool // to be called by the second run
	left   []byte       // the object as the first run left it
}

func (p *plugin) run(ctx context.Context, s *sideRun, second bool) (touched, admitted bool) {
	if second && !equalJSON(p.left, s.req.adm.Object.Raw) {
		p.changed()
	}
	if p.own && !second {
		s.compareOwn(ctx, p.hooks)
	}
	for i, hook := range p.hooks {
		if second && !p.again[i] {
			continue
		}
		did := s.call(ctx, hook)
		if did.refused {
			return false, false
		}
		if did.changed {
			p.changed()
		}
		touched = touched || did.changed || p.own && did.called
		if did.called && hook.again {
			p.called = with(p.called, i)
		}
	}
	if p.own && touched {
		p.changed() // whoever applied a patch, the last policy too, is asked again
	}
	p.left = s.req.adm.Object.Raw
	return touched, true
}

// changed has all that were called so far be called again.
func (p *plugin) changed() {
	for i := range p.called {
		p.again = with(p.again, i)
	}
	p.called = nil
}

func with(set map[int]bool, i int) map[int]bool {
	if set == nil {
		set = map[int]bool{}
	}
	set[i] = true
	return set
}

// called is what became of the call of one webhook, or of one of the API server's policies.
type called struct{ called, changed, refused bool }

// call has the units of one webhook mutate the object, one after the other.
func (s *sideRun) call(ctx context.Context, hook webhook) (did called) {
	before := s.req.adm.Object.Raw
	if s.outside != "" && hook.name != "" || hook.asks != nil && !s.asks(hook.asks) {
		return did
	}
	asked := s.seeing(hook)
	did.called, s.asked = hook.name != "", true
	units := hook.units
	switch {
	case s.order == 1:
		units = hook.backwards()
	case s.order > 1 && asked.shuffled():
		units = ordered(asked.units, s.order)
	}
	s.each(ctx, units, func(u phased, got answer) {
		did.called = did.called || slices.ContainsFunc(got.verdicts, func(v verdict.Verdict) bool { return v.Outcome != verdict.Skip })
		s.retake(u, got)
	})
	if asked.shuffled() && s.order == 0 {
		s.orders = max(s.orders, ordersOf(len(asked.units)))
		s.compareOrders(ctx, asked, before)
	}
	if did.refused = len(s.denials) > 0; did.refused {
		return did // the API server stops at the first refusal of a mutating webhook
	}
	if !equalJSON(before, s.req.adm.Object.Raw) {
		s.native = hook.name == ""
		s.defaulted()
		did.refused = s.refused != ""
	}
	did.changed = !equalJSON(before, s.req.adm.Object.Raw)
	return did
}
