package kyverno

import (
	"errors"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// fate is what an API server makes of an object after all mutations, before anybody validates
// by policy.
type fate struct {
	stored    []byte  // the object as it would be stored; nil: not asked yet, or it does not decode
	invalid   *string // what is wrong with it; nil: not asked yet
	forbidden *string // what the built-in plugins say against it; nil: not asked yet
}

// step is a change that one policy made to the object.
type step struct {
	unit        unit
	was, object []byte
	verdicts    []verdict.Verdict // what the policy said
}

// weigh asks what an API server does with the objects that the sides' policies left. That it
// refuses one is the policies' doing, and the request denied, where it would take what was
// sent, or what another side makes of it. Where it takes none, no policy matters.
func weigh(runs []*sideRun) {
	if !runs[0].storable() {
		return
	}
	if slices.ContainsFunc(runs, (*sideRun).touched) {
		weighValidity(runs)
	}
	for _, s := range runs {
		if s.outside == "" || s.touched() {
			s.weighPlugins()
		}
	}
	if !slices.ContainsFunc(runs, func(s *sideRun) bool { return s.refused != "" }) {
		return
	}
	taken := runs[0].forbidden(0, runs[0].req.sent) == ""
	differ := slices.ContainsFunc(runs, func(s *sideRun) bool { return s.refused == "" })
	for _, s := range runs {
		s.rejected = s.refused != "" && (differ || taken)
		if s.rejected && s.unsure == nil && taken && !s.wasInvalid() {
			s.blame()
		}
	}
}

// weighValidity refuses objects that are not valid. Where none is, nor was what was sent, the
// policies are judged as of any object: a capture may hold what was never meant to be complete.
func weighValidity(runs []*sideRun) {
	open := slices.DeleteFunc(slices.Clone(runs), (*sideRun).ended)
	wrong := func(s *sideRun) bool { return s.invalid(s.version, s.req.adm.Object.Raw) != "" }
	if len(open) == 0 || !slices.ContainsFunc(open, wrong) {
		return
	}
	valid := func(s *sideRun) bool { return !wrong(s) }
	if !slices.ContainsFunc(open, valid) && open[0].invalid(0, open[0].req.sent) != "" {
		return
	}
	for _, s := range slices.DeleteFunc(open, valid) {
		s.refused = s.invalid(s.version, s.req.adm.Object.Raw)
		s.unsureOfUpdate()
	}
}

// unsureOfUpdate notes that the refusal of an update rests on an old object that is not known.
func (s *sideRun) unsureOfUpdate() {
	if s.req.rec.Operation != capture.Update || len(s.req.rec.OldObject) > 0 && !s.req.asSent() || s.unsure != nil {
		return
	}
	reason := "whether the API server takes the object as policies change it depends on the old object, which is not in the capture"
	if s.req.asSent() {
		reason += " as it was stored"
	}
	s.unsureOf(miss{
		reason:  reason,
		resolve: "raise the audit policy's level to RequestResponse, or capture the cluster",
	})
}

// unsureOf notes what is not known of what the API server makes of the last change of a policy.
func (s *sideRun) unsureOf(unknown miss) {
	if len(s.steps) == 0 {
		return
	}
	v := verdict.Verdict{Policy: s.steps[len(s.steps)-1].unit.ref(), Type: verdict.Mutate, Action: verdict.Enforce}
	v = undecided(v, []miss{unknown})
	s.verdicts, s.unsure = append(s.verdicts, v), &v
}

// weighPlugins refuses what the built-in plugins forbid. What is there already was taken by
// them once, whatever they would say today.
func (s *sideRun) weighPlugins() {
	if s.ended() || s.req.rec.Live && (!s.touched() || s.forbidden(0, s.req.sent) != "") {
		return
	}
	s.refused = s.forbidden(s.version, s.req.adm.Object.Raw)
}

// wasInvalid tells whether what was sent is known to be no valid object.
func (s *sideRun) wasInvalid() bool {
	f := s.common.fates[0]
	return f != nil && f.invalid != nil && *f.invalid != ""
}

// storable tells whether it can be known what would be stored.
func (s *sideRun) storable() bool {
	_, ok := s.req.look.(world)
	return ok && s.req.env.mocks == nil && s.lacking() == ""
}

// touched tells whether a policy has changed the object.
func (s *sideRun) touched() bool { return s.version != 0 }

// ended tells whether the request does not get as far as validation.
func (s *sideRun) ended() bool { return s.refused != "" || len(s.denials) > 0 }

// fateOf is what is known of an object of the request, by its version.
func (s *sideRun) fateOf(version int) *fate {
	f := s.common.fates[version]
	if f == nil {
		f = &fate{}
		s.common.fates[version] = f
	}
	return f
}

// wouldStore is an object of the request as it would be stored; nil where it does not decode.
func (s *sideRun) wouldStore(version int, object []byte) []byte {
	f := s.fateOf(version)
	if f.stored == nil {
		f.stored, _ = admission.Stored(s.req.look.(world).World, s.req.rec, object) // policies say themselves that it does not decode
	}
	return f.stored
}

func (s *sideRun) invalid(version int, object []byte) string {
	f := s.fateOf(version)
	if f.invalid == nil {
		f.invalid = new(string)
		*f.invalid = s.invalidity(object)
	}
	return *f.invalid
}

// invalidity is what an API server finds wrong with an object. An update is held against what
// was sent where the old object is not known.
func (s *sideRun) invalidity(object []byte) string {
	rec := *s.req.rec
	if rec.Operation == capture.Update && len(rec.OldObject) == 0 {
		rec.OldObject = s.req.sent
	}
	if s.native {
		object = s.req.returned(object)
	}
	return words(admission.Valid(s.req.look.(world).World, &rec, object))
}

func (s *sideRun) forbidden(version int, object []byte) string {
	f := s.fateOf(version)
	if f.forbidden == nil {
		f.forbidden = new(string)
		if w := s.req.look.(world).World; admission.Guards(w, s.req.rec) {
			*f.forbidden = words(admission.Validate(w, s.req.rec, s.wouldStore(version, object)))
		}
	}
	return *f.forbidden
}

// words are the API server's where it refuses the object.
func words(err error) string {
	var refused *admission.Refused
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return ""
}

// undecodable are its words about what a webhook returns and it cannot read.
func undecodable(err error) string {
	return strings.Replace(words(err), admission.Undecodable, "Internal error occurred: ", 1)
}

// blame turns the verdict of the policy whose change the API server does not take: the first
// after which no other made the object good again.
func (s *sideRun) blame() {
	at := len(s.steps) - 1
	for at > 0 && s.refuses(s.steps[at-1].object) {
		at--
	}
	if at < 0 {
		return
	}
	s.verdicts = slices.Clone(s.verdicts)
	for i := range s.verdicts {
		v := &s.verdicts[i]
		if v.Policy == s.steps[at].unit.ref() && v.Outcome == verdict.Pass && (v.Type == verdict.Mutate || v.Type == verdict.VerifyImages) {
			v.Outcome, v.Message = verdict.Error, "the API server refuses what it makes of the object: "+s.refused
		}
	}
}

// refuses tells whether the API server would not take an object.
func (s *sideRun) refuses(object []byte) bool {
	w := s.req.look.(world).World
	if _, err := admission.Plugged(w, s.req.rec, object); err != nil || s.invalidity(object) != "" {
		return true
	}
	stored, err := admission.Stored(w, s.req.rec, object)
	return err != nil || words(admission.Validate(w, s.req.rec, stored)) != ""
}
