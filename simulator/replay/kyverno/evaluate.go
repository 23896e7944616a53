package kyverno

import (
	"context"
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// ask evaluates one unit, or recalls what it said to the other side.
func (s *sideRun) ask(ctx context.Context, u phased) answer {
	if u.unit == s.without || ctx.Err() != nil { // nobody waits for the answer
		return answer{}
	}
	if kin, ok := u.unit.(kindred); ok && s.req.orphan && kin.minds(&s.req) {
		v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Action: verdict.Enforce}
		reason := "which kind has the resource " + s.req.adm.Resource.Resource + " is not in the capture"
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{{reason: reason, resolve: "capture its CustomResourceDefinition"}})}}
	}
	req, err := s.seenBy(u)
	switch {
	case req == nil:
		return answer{}
	case err != nil:
		v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Action: verdict.Enforce}
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{{reason: err.Error(), resolve: "rehearse this policy on a fleet"}})}}
	}
	if s.drawsVersion(u) {
		v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Action: verdict.Enforce}
		reason := "of a subresource's kind without a version, Kyverno draws which of those that are served its webhook asks for"
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{{reason: reason, resolve: "write the version into the policy's kinds"}})}}
	}
	if lacking := s.lackingFor(u); lacking != "" && u.phase != phaseSchedule {
		if quiet, ok := u.unit.(silent); ok && quiet.silentOn(&s.req) {
			return answer{}
		}
		v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Action: s.worst(u)}
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{{reason: lacking, resolve: "raise the audit policy's level to RequestResponse, or capture the cluster"}})}}
	}
	key := answerKey{u.unit, seen{s.version, s.began}, s.req.unpinned}
	got, ok := s.common.answers[key]
	if ok {
		return got
	}
	req.creates = u.phase < phaseBackground && creates(req)
	if got, uncalled := s.uncalled(ctx, u, req); uncalled {
		got = s.req.scoped(u, got)
		s.common.answers[key] = got
		return got
	}
	if u.phase == phaseSchedule {
		got = evaluate(ctx, u, s.existing())
	} else if req != &s.req {
		got = s.restored(evaluate(ctx, u, req))
	} else {
		s.req.classic.context = s.common.contexts[key.seen]
		got = evaluate(ctx, u, req)
		s.common.contexts[key.seen] = s.req.classic.context
	}
	got = s.req.scoped(u, got)
	s.common.answers[key] = got
	return got
}

// worst is the action of a unit whatever the object is: some refuse nothing.
func (s *sideRun) worst(u phased) verdict.Action {
	a, ok := u.unit.(auditor)
	c, conditional := u.unit.(conditioned)
	if !ok || !a.onlyAudits(&s.req) || conditional && c.conditionsIn(s.req.env) != nil {
		return verdict.Enforce
	}
	return verdict.Audit
}

// creates tells of a request that makes an object. Suites say themselves what there is.
func creates(req *request) bool {
	return req.rec.Operation == capture.Create && !req.rec.Standing && req.rec.SubResource == "" && req.env.mocks == nil
}

// existing is the object of the request as it is in the cluster, which controllers ask about on
// their own: with what was drawn for it, where the capture shows it.
func (s *sideRun) existing() *request {
	if s.there != nil {
		return s.there
	}
	there := s.req
	there.creates = false
	there.nobody, there.classic, there.cel = true, classicRequest{}, celRequest{}
	there.adm.Object.Raw = s.req.returned(s.req.adm.Object.Raw)
	if rec := s.req.rec; rec.Answered() && s.req.env.mocks == nil {
		there.adm.Object.Raw = rec.Object
	}
	s.there = &there
	return s.there
}

// uncalled is the answer for a unit whose webhook's match conditions keep the request from it.
func (s *sideRun) uncalled(ctx context.Context, u phased, req *request) (answer, bool) {
	c, ok := u.unit.(conditioned)
	if !ok || u.phase == phaseSchedule || s.req.env.mocks != nil {
		return answer{}, false
	}
	if w := c.conditionsIn(s.req.env); w != nil {
		return w.uncalled(ctx, req, u)
	}
	return answer{}, false
}

// seenBy is the request as a unit gets it: as it was sent, or in the version of its kind
// that the unit asks for; nil when it is not asked.
func (s *sideRun) seenBy(u phased) (*request, error) {
	pre, ok := u.unit.(seer)
	if !ok || pre.sees(&s.req) {
		return &s.req, nil
	}
	if s.sentAsIs(u) {
		return nil, nil
	}
	for _, as := range s.req.equivalents {
		if other := s.req.named(as); pre.sees(other) && convertible(u.unit, other) {
			return other, other.convert(schema.GroupVersionKind(s.req.adm.Kind), as)
		}
	}
	return nil, nil
}

// restored is an answer about a converted request with its object in the request's version.
func (s *sideRun) restored(got answer) answer {
	if got.object == nil {
		return got
	}
	var head struct{ APIVersion, Kind string }
	_ = json.Unmarshal(got.object, &head) // a policy's result encodes
	object, err := admission.Convert(got.object, capture.ParseGVK(head.APIVersion, head.Kind), s.req.rec.Kind)
	if err == nil {
		got.object = object
	}
	return got
}

// lacking says which body of the request the capture does not hold; "" when none is missing.
func (s *sideRun) lacking() string {
	rec := s.req.rec
	switch {
	case rec.Operation == capture.Delete && rec.Lacks(capture.MissingOldObject):
		return "the deleted object is not in the capture"
	case rec.Operation != capture.Delete && rec.Lacks(capture.MissingObject):
		return "the request's body is not in the capture"
	}
	return ""
}

func typeOf(p phase) verdict.RuleType {
	switch p {
	case phaseMutateCEL, phaseMutate:
		return verdict.Mutate
	case phaseVerify:
		return verdict.VerifyImages
	case phaseBackground:
		return verdict.Generate
	case phaseSchedule:
		return verdict.Delete
	}
	return verdict.Validate
}

// controllerOf is the controller of Kyverno that asks the units of a phase. Those of the background
// are asked by that of admission first, whether there is something to do.
func controllerOf(p phase) string {
	switch p {
	case phaseSchedule:
		return cleanupSuffix
	case phaseScan:
		return reportsSuffix
	}
	return admissionSuffix
}
