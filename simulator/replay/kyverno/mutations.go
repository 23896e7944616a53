package kyverno

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// asks tells whether any of the units is asked about the request.
func (s *sideRun) asks(units []phased) bool {
	return slices.ContainsFunc(units, func(u phased) bool {
		req, err := s.seenBy(u)
		return req != nil || err != nil
	})
}

// otherwise is what the webhook would do with its policies in the other order; nil where
// there is no other.
func (s *sideRun) otherwise(ctx context.Context, hook webhook) *sideRun {
	asked := s.seeing(hook)
	if len(asked.units) < 2 || !asked.shuffled() {
		return nil
	}
	return s.in(ctx, asked.backwards(), s.req.adm.Object.Raw)
}

// seeing is the webhook with those of its units that are asked about the request.
func (s *sideRun) seeing(hook webhook) webhook {
	if !hook.shuffled() {
		return hook
	}
	asked := webhook{name: hook.name}
	for _, u := range hook.units {
		if req, err := s.seenBy(u); req != nil && err == nil {
			asked.units = append(asked.units, u)
		}
	}
	return asked
}

// in runs units on an object, apart from the request's own way.
func (s *sideRun) in(ctx context.Context, units []phased, object []byte) *sideRun {
	apart := &sideRun{req: s.req, common: s.common, outside: s.outside, side: s.side, version: s.version}
	apart.mutate(object)
	for _, u := range units {
		if apart.take(u, apart.ask(ctx, u)); len(apart.denials) > 0 {
			break
		}
	}
	return apart
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
func (s *sideRun) disputed(ctx context.Context, hook webhook, object []byte) (found []verdict.PolicyRef) {
	asked := s.seeing(hook)
	for i, a := range asked.units {
		for _, b := range asked.units[i+1:] {
			if a.phase != b.phase {
				continue
			}
			if !s.in(ctx, []phased{a, b}, object).same(s.in(ctx, []phased{b, a}, object)) {
				found = append(found, a.unit.ref(), b.unit.ref())
			}
		}
	}
	if len(found) == 0 {
		return policies(asked.units)
	}
	return found
}

// retake takes an answer in the place of an earlier one of the same unit. A rule that has
// nothing left to do keeps what it said when it did it.
func (s *sideRun) retake(u phased, got answer) {
	ref := u.unit.ref()
	got.verdicts = slices.Clone(got.verdicts)
	for i, v := range got.verdicts {
		at := slices.IndexFunc(s.verdicts, func(w verdict.Verdict) bool { return w.Policy == ref && w.Type == v.Type && w.Rule == v.Rule })
		if at < 0 {
			continue
		}
		if v.Outcome == verdict.Skip {
			got.verdicts[i] = s.verdicts[at]
		}
		s.verdicts = slices.Delete(s.verdicts, at, at+1)
	}
	s.take(u, got)
}

// defaulted fills in the defaults of what a webhook added, as the API server does after each.
func (s *sideRun) defaulted() {
	w, ok := s.req.look.(world)
	if !ok || s.req.env.mocks != nil {
		return
	}
	if object, err := admission.Defaulted(w.World, s.req.rec, s.req.adm.Object.Raw); err == nil {
		s.mutate(object)
	}
}

// pluggedAgain runs the API server's built-in plugins on what webhooks made of the object.
func (s *sideRun) pluggedAgain() {
	w, ok := s.req.look.(world)
	if !ok || s.req.env.mocks != nil {
		return
	}
	before := s.req.adm.Object.Raw
	rec := *s.req.rec
	rec.Object = before
	object, err := admission.Prepare(w.World, &rec)
	var refused *admission.Refused
	if errors.As(err, &refused) {
		s.refused = refused.Reason
	}
	if err == nil && !equalJSON(before, object) {
		s.mutate(object)
	}
}

func equalJSON(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
