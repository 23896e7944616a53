package kyverno

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/wI2L/jsondiff"
	"go.yaml.in/yaml/v3"

	"github.com/kyverno/kyverno/pkg/engine"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Engine judges the records of one cluster under several policy sets. It is safe for
// concurrent use.
type Engine struct {
	env   *environment
	look  lookup
	sides [][]phased
	// As is the user of records that do not say who sent them; zero leaves them unknown.
	as capture.User
}

// shared holds what the sides of one request have in common: a policy that is in both
// sets and sees the same object is asked once.
type shared struct {
	answers  map[answerKey]answer
	versions map[string]int // objects by content; 0 is the recorded one
	contexts map[int]*engine.PolicyContext
}

type answerKey struct {
	unit    unit
	version int
}

// Judge answers rec once for each side, in their order.
func (e *Engine) Judge(ctx context.Context, rec *capture.Record) ([]verdict.Judgement, error) {
	out := make([]verdict.Judgement, len(e.sides))
	if reason := refusedOtherwise(rec.Response); reason != "" {
		for i := range out {
			out[i] = verdict.Judgement{Decision: verdict.OutOfScope, Reason: reason}
		}
		return out, nil
	}
	req, err := e.newRequest(rec)
	var refused *admission.Refused
	if errors.As(err, &refused) {
		for i := range out {
			out[i] = verdict.Judgement{Decision: verdict.OutOfScope, Reason: refused.Reason}
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	outside := e.env.outOfScope(req)
	common := &shared{answers: map[answerKey]answer{}, versions: map[string]int{}, contexts: map[int]*engine.PolicyContext{}}
	for i, units := range e.sides {
		side := &sideRun{req: *req, common: common, outside: outside}
		side.run(ctx, units)
		out[i] = side.judgement()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sideRun is one request on its way through one policy set.
type sideRun struct {
	req     request
	common  *shared
	outside string // why Kyverno is not asked; the API server's own policies still are
	version int

	asked      bool
	verdicts   []verdict.Verdict
	warnings   []string
	denials    []denial
	generated  []verdict.Generated
	unsure     *verdict.Verdict // the first undecided verdict that could change the decision
	background []phased
}

type denial struct {
	unit     unit
	message  string
	failures map[string]string
}

func (s *sideRun) run(ctx context.Context, units []phased) {
	for _, u := range units {
		if s.outside != "" && !isAPIServers(u.unit) {
			continue
		}
		s.asked = true
		mutates := u.phase <= phaseVerify
		if mutates && s.req.rec.Operation == capture.Delete {
			continue
		}
		if u.phase >= phaseBackground && len(s.denials) > 0 && u.phase != phaseSchedule {
			continue // a refused request triggers nothing
		}
		s.take(u, s.ask(ctx, u))
		if mutates && len(s.denials) > 0 {
			return // the API server stops at the first refusal of a mutating webhook
		}
	}
}

// isAPIServers tells whether the API server itself evaluates the policy.
func isAPIServers(u unit) bool { return strings.HasSuffix(u.ref().Kind, "AdmissionPolicy") }

// ask evaluates one unit, or recalls what it said to the other side.
func (s *sideRun) ask(ctx context.Context, u phased) answer {
	if pre, ok := u.unit.(seer); ok && !pre.sees(&s.req) {
		return answer{}
	}
	if lacking := s.lacking(); lacking != "" && u.phase != phaseSchedule {
		if quiet, ok := u.unit.(silent); ok && quiet.silentOn(&s.req) {
			return answer{}
		}
		v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Action: verdict.Enforce}
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{{reason: lacking, resolve: "raise the audit policy's level to RequestResponse, or capture the cluster"}})}}
	}
	key := answerKey{u.unit, s.version}
	got, ok := s.common.answers[key]
	if ok {
		return got
	}
	s.req.classic.context = s.common.contexts[s.version]
	got = s.evaluate(ctx, u)
	s.common.contexts[s.version] = s.req.classic.context
	s.common.answers[key] = got
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

// evaluate runs a unit. A panic in the engine is an error of that policy, not ours.
func (s *sideRun) evaluate(ctx context.Context, u phased) (got answer) {
	defer func() {
		if p := recover(); p != nil {
			s.req.classic.context = nil // it may be half-way through a checkpoint
			s.req.misses.take()
			message := fmt.Sprintf("the engine panicked: %v", p)
			if debugPanics {
				message += "\n" + string(debug.Stack())
			}
			got = answer{verdicts: []verdict.Verdict{{Policy: u.unit.ref(), Type: typeOf(u.phase), Outcome: verdict.Error, Message: message}}}
		}
	}()
	return u.unit.eval(ctx, &s.req)
}

const debugPanics = false

func (s *sideRun) take(u phased, got answer) {
	s.verdicts = append(s.verdicts, got.verdicts...)
	s.warnings = append(s.warnings, got.warnings...)
	s.generated = append(s.generated, got.generated...)
	if got.deny != "" || len(got.failures) > 0 && u.phase == phaseValidate {
		s.deny(u.unit, got)
	}
	for i := range got.verdicts {
		if v := got.verdicts[i]; v.Outcome == verdict.Undecided && s.unsure == nil && decides(u.phase, v) {
			s.unsure = &got.verdicts[i]
		}
	}
	if got.object != nil && u.phase <= phaseVerify {
		s.mutate(got.object)
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
	if got.deny != "" {
		s.denials = append(s.denials, denial{u, got.deny, got.failures})
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

func (s *sideRun) judgement() verdict.Judgement {
	if !s.asked {
		if s.outside != "" {
			return verdict.Judgement{Decision: verdict.OutOfScope, Reason: s.outside}
		}
		return verdict.Judgement{Decision: verdict.Allowed}
	}
	j := verdict.Judgement{Decision: verdict.Allowed, Verdicts: s.verdicts, Generated: s.generated}
	slices.SortStableFunc(j.Verdicts, verdict.Verdict.Compare)
	slices.SortStableFunc(j.Generated, func(a, b verdict.Generated) int { return strings.Compare(a.Target, b.Target) })
	switch {
	case len(s.denials) > 0:
		j.Decision, j.Messages, j.Generated = verdict.Denied, s.messages(), nil
		j.Message = j.Messages[0]
	case s.unsure != nil:
		j.Decision, j.Reason = verdict.DecisionUndecided, s.unsure.Reason
	}
	if j.Decision != verdict.Denied {
		slices.Sort(s.warnings)
		j.Warnings = slices.Compact(s.warnings)
	}
	if s.version != 0 && j.Decision != verdict.Denied {
		j.Patch = patch(s.req.sent, s.req.adm.Object.Raw)
	}
	return j
}

// messages are what the user may be told. Policies of one webhook speak with one voice; of
// several webhooks the first to answer is heard. ClusterPolicies come first here.
func (s *sideRun) messages() []string {
	failures := map[string]map[string]string{}
	var others []string
	for _, d := range s.denials {
		if d.failures == nil {
			others = append(others, d.message)
			continue
		}
		failures[d.unit.ref().Name] = d.failures
	}
	if len(others) > 1 {
		others = append([]string{strings.Join(others, "; ")}, others...)
	}
	if len(failures) == 0 {
		return others
	}
	var text strings.Builder
	namespace := s.req.adm.Namespace
	if s.req.adm.Kind.Kind == "Namespace" {
		namespace = "" // the object has none
	}
	fmt.Fprintf(&text, "resource %s/%s/%s was blocked due to the following policies \n\n", s.req.adm.Kind.Kind, namespace, s.req.adm.Name)
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(failures); err != nil {
		fmt.Fprintf(&text, "%v", failures)
	}
	return append([]string{text.String()}, others...)
}

func patch(before, after []byte) []byte {
	operations, err := jsondiff.CompareJSON(before, after)
	if err != nil || len(operations) == 0 {
		return nil
	}
	encoded := []byte("[")
	for i, op := range operations {
		if i > 0 {
			encoded = append(encoded, ',')
		}
		one, err := op.MarshalJSON()
		if err != nil {
			return nil
		}
		encoded = append(encoded, one...)
	}
	return append(encoded, ']')
}
