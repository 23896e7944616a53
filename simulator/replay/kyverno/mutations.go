package kyverno

import (
	"reflect"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"

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

// defaulted fills in the defaults of what a webhook added, as the API server does after each;
// what it cannot decode it refuses.
func (s *sideRun) defaulted() {
	w, ok := s.req.look.(world)
	if !ok || s.req.env.mocks != nil {
		return
	}
	object, err := admission.Defaulted(w.World, s.req.rec, s.req.adm.Object.Raw)
	if err == nil {
		s.mutate(object)
	}
	s.refused = undecodable(err)
}

// pluggedAgain runs the API server's built-in plugins on what webhooks made of the object.
func (s *sideRun) pluggedAgain() {
	w, ok := s.req.look.(world)
	if !ok || s.req.env.mocks != nil {
		return
	}
	before := s.req.adm.Object.Raw
	if class := admission.UnknownPriority(w.World, s.req.rec, before); class != "" && class != admission.UnknownPriority(w.World, s.req.rec, s.req.sent) {
		s.unsureOf(miss{
			reason:  "whether the API server takes the priority of the pod with PriorityClass " + class + ", which is not in the capture",
			resolve: "capture the cluster, or PriorityClasses with --world",
		})
	}
	object, err := admission.Plugged(w.World, s.req.rec, before)
	s.refused = words(err)
	if err == nil && !equalJSON(before, object) {
		s.mutate(object)
	}
}

func equalJSON(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	var x, y any
	return utiljson.Unmarshal(a, &x) == nil && utiljson.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
