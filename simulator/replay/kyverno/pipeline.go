package kyverno

import (
	"context"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// sideRun is one request on its way through one policy set.
type sideRun struct {
	req     request
	common  *shared
	side    *side
	engine  *Engine // judges what is generated; nil: nothing is
	outside string  // why Kyverno is not asked; the API server's own policies still are
	version int
	began   int // 1 + the version with which the webhook was called, where a policy came before

	origin  request // as it was before any policy
	without unit    // does nothing here: see [Engine.otherwise]
	clouds  []cloud

	there    *request // the object as controllers find it; nil while none asks
	stored   bool     // the object is as it would be stored
	native   bool     // the API server's own policies changed it last: nulls in it may be empty lists
	done     bool     // what is looked up is as the request left it
	refused  string   // why the API server refuses the object before it asks who validates
	rejected bool     // which is the policies' doing
	steps    []step   // the changes of policies, in order
	mutated  []byte   // the object after all mutations; nil when nothing changed

	asked      bool
	verdicts   []verdict.Verdict
	warnings   []string
	reworded   map[string][]string // what may be said in the place of warnings
	denials    []denial
	elsewise   []string            // what a refusal would say in another order of its webhook's policies, or by who else may judge
	acting     []phased            // of the webhook that was asked last: those that changed the object, or refused
	beside     []denial            // that do not refuse
	broken     []unit              // left their webhooks without an answer
	dead       []verdict.PolicyRef // in which Kyverno died
	generated  []verdict.Generated
	unsure     *verdict.Verdict // the first undecided verdict that could change the decision
	background []phased
	unordered  []verdict.PolicyRef // that make a difference by their order
	chancy     []verdict.PolicyRef // that refuse in one order, and in another nobody does
	gambled    bool                // which is the order that was taken
	order      int                 // in which webhooks ask their policies; of 0, that of names, others are compared
	orders     int                 // that there are to compare
	whole      *sideRun            // of which this tries a part in an order; nil: it is all
}

// denial is what one policy says against a request.
type denial struct {
	unit     unit
	message  string            // empty: it says so only where another policy refuses
	early    bool              // the API server says so before it calls a webhook
	failures map[string]string // of a ClusterPolicy, by rule
	others   []denial          // what it may say instead
}

// run asks the policies that come after the mutations.
func (s *sideRun) run(ctx context.Context) {
	if s.ended() {
		return
	}
	for _, u := range s.side.rest {
		if s.outside != "" && !isAPIServers(u.unit) {
			continue
		}
		s.asked = true
		if u.phase >= phaseBackground && s.req.rec.Again {
			continue // its creation says what comes of it
		}
		if u.phase >= phaseBackground && len(s.denials) > 0 && (u.phase != phaseSchedule || !s.req.rec.Live) {
			continue // a refused request triggers nothing, and what it would create does not stand
		}
		if u.phase >= phaseValidate && !s.stored {
			s.store()
		}
		if w, ok := s.req.look.(world); ok && u.phase >= phaseBackground && !s.done {
			w.World = w.After(s.req.rec)
			s.req.look, s.done = w, true
		}
		got := s.ask(ctx, u)
		if u.phase == phaseBackground {
			got = s.found(s.refusing(ctx, got))
		}
		s.take(u, got)
	}
}

// isAPIServers tells whether the API server itself evaluates the policy.
func isAPIServers(u unit) bool {
	_, ok := u.(interface{ isAPIServers() })
	return ok
}

func (s *sideRun) take(u phased, got answer) {
	got = s.beneath(u, got)
	s.gather(u, got)
	s.req.unpinned = s.req.unpinned || got.unpinned
	s.broke(u.unit, got)
	s.verdicts = append(s.verdicts, got.verdicts...)
	s.warnings = append(s.warnings, got.warnings...)
	s.reworded = withWords(s.reworded, got.reworded)
	s.generated = append(s.generated, got.generated...)
	if got.refuses() || len(got.failures) > 0 && u.phase == phaseValidate {
		s.deny(u.unit, got)
	}
	for i := range got.verdicts {
		if v := got.verdicts[i]; v.Outcome == verdict.Undecided && s.unsure == nil && decides(u.phase, v) {
			s.unsure = &got.verdicts[i]
		}
	}
	if got.object != nil && u.phase <= phaseVerify {
		version, was := s.version, s.req.adm.Object.Raw
		if s.mutate(got.object); s.version != version {
			s.steps = append(s.steps, step{u.unit, was, got.object, got.verdicts})
		}
	}
}

// decides tells whether knowing v could turn the decision.
func decides(p phase, v verdict.Verdict) bool {
	if p == phaseMutate || p == phaseMutateCEL {
		return true
	}
	return (p == phaseValidate || p == phaseVerify) && v.Action == verdict.Enforce
}

func (s *sideRun) deny(u unit, got answer) {
	said := denial{unit: u, message: got.deny, early: got.early, failures: got.failures}
	for _, o := range got.others {
		said.others = append(said.others, denial{unit: u, message: o.deny, early: o.early, failures: o.failures})
	}
	if !got.refuses() {
		s.beside = append(s.beside, said)
		return
	}
	s.denials = append(s.denials, said)
	if got.instead != "" {
		s.elsewise = append(s.elsewise, got.instead)
	}
}

// mutate puts the object after a mutation in the place of the one before.
func (s *sideRun) mutate(object []byte) {
	if string(object) == string(s.req.adm.Object.Raw) {
		return
	}
	version, ok := s.common.versions[string(object)]
	if !ok {
		version = len(s.common.versions) + 1
		s.common.versions[string(object)] = version
	}
	s.version = version
	s.req.adm.Object.Raw = object
	s.req.cel = celRequest{}
}
