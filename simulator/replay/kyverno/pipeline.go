package kyverno

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/wI2L/jsondiff"
	"go.yaml.in/yaml/v3"

	"github.com/kyverno/kyverno/pkg/engine"
	"k8s.io/apimachinery/pkg/runtime/schema"

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
	scans [][]phased
	// unfiltered is env for the scan.
	unfiltered *environment
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
	unit     unit
	version  int
	unpinned bool
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
	units   []phased
	outside string // why Kyverno is not asked; the API server's own policies still are
	version int

	stored  bool   // the object is as it would be stored
	refused string // why the API server refuses the object before it asks who validates
	mutated []byte // the object after all mutations; nil when nothing changed

	asked      bool
	verdicts   []verdict.Verdict
	warnings   []string
	denials    []denial
	generated  []verdict.Generated
	unsure     *verdict.Verdict // the first undecided verdict that could change the decision
	background []phased
	unordered  []verdict.PolicyRef // that make a difference by their order
}

type denial struct {
	unit     unit
	message  string
	failures map[string]string
}

func (s *sideRun) run(ctx context.Context, units []phased) {
	s.units = units
	hooks, rest := mutated(units)
	if !s.mutateAll(ctx, hooks) {
		return
	}
	for _, u := range rest {
		if s.outside != "" && !isAPIServers(u.unit) {
			continue
		}
		s.asked = true
		if u.phase >= phaseBackground && len(s.denials) > 0 && u.phase != phaseSchedule {
			continue // a refused request triggers nothing
		}
		if u.phase >= phaseValidate && !s.stored {
			s.store()
		}
		if s.refused != "" {
			return
		}
		s.take(u, s.ask(ctx, u))
	}
}

// store makes the object what validation is asked about. That is no change of a policy's.
func (s *sideRun) store() {
	s.stored = true
	if s.version != 0 {
		s.mutated = s.req.adm.Object.Raw
	}
	w, ok := s.req.look.(world)
	if !ok || s.req.env.mocks != nil || s.lacking() != "" {
		return
	}
	object, err := admission.Stored(w.World, s.req.rec, s.req.adm.Object.Raw)
	if err != nil {
		return // policies say themselves that it does not decode
	}
	var refused *admission.Refused
	if err := admission.Validate(w.World, s.req.rec, object); errors.As(err, &refused) {
		s.refused = refused.Reason
	}
	s.mutate(object)
	if s.req.adm.Name == "" && s.req.rec.SubResource == "" {
		s.req.adm.Name = generatedName(object)
	}
}

func generatedName(object []byte) string {
	var head struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(object, &head) // it was encoded before
	return head.Metadata.Name
}

// isAPIServers tells whether the API server itself evaluates the policy.
func isAPIServers(u unit) bool { return strings.HasSuffix(u.ref().Kind, "AdmissionPolicy") }

// ask evaluates one unit, or recalls what it said to the other side.
func (s *sideRun) ask(ctx context.Context, u phased) answer {
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
	if lacking := s.lacking(); lacking != "" && u.phase != phaseSchedule {
		if quiet, ok := u.unit.(silent); ok && quiet.silentOn(&s.req) {
			return answer{}
		}
		v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Action: verdict.Enforce}
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{{reason: lacking, resolve: "raise the audit policy's level to RequestResponse, or capture the cluster"}})}}
	}
	key := answerKey{u.unit, s.version, s.req.unpinned}
	got, ok := s.common.answers[key]
	if ok {
		return got
	}
	if req != &s.req {
		got = s.restored(evaluate(ctx, u, req))
	} else {
		s.req.classic.context = s.common.contexts[s.version]
		got = evaluate(ctx, u, req)
		s.common.contexts[s.version] = s.req.classic.context
	}
	s.common.answers[key] = got
	return got
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
	for _, to := range equivalentsOf(&s.req) {
		if other := s.req.named(to); pre.sees(other) && convertible(u.unit, other) {
			return other, other.convert(schema.GroupVersionKind(s.req.adm.Kind))
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

// evaluate runs a unit. A panic in the engine is an error of that policy, not ours.
func evaluate(ctx context.Context, u phased, req *request) (got answer) {
	defer func() {
		if p := recover(); p != nil {
			req.classic.context = nil // it may be half-way through a checkpoint
			req.misses.take()
			message := fmt.Sprintf("the engine panicked: %v", p)
			if debugPanics {
				message += "\n" + string(debug.Stack())
			}
			got = answer{verdicts: []verdict.Verdict{{Policy: u.unit.ref(), Type: typeOf(u.phase), Outcome: verdict.Error, Message: message}}}
		}
	}()
	return u.unit.eval(ctx, req)
}

const debugPanics = false

func (s *sideRun) take(u phased, got answer) {
	got = refusing(got)
	s.req.unpinned = s.req.unpinned || got.unpinned
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

// refusing is an answer without the objects that an API server would not take from Kyverno.
func refusing(got answer) answer {
	refused := map[string]string{}
	for _, g := range got.generated {
		if err := admission.Decodes(g.Object); len(g.Object) > 0 && err != nil {
			refused[g.Target] = err.Error()
			got.verdicts = slices.Clone(got.verdicts)
			for i := range got.verdicts {
				if v := &got.verdicts[i]; v.Rule == g.Rule && v.Outcome == verdict.Pass {
					v.Outcome, v.Message = verdict.Error, g.Target+" cannot be made: "+err.Error()
				}
			}
		}
	}
	if len(refused) > 0 {
		got.generated = slices.DeleteFunc(slices.Clone(got.generated), func(g verdict.Generated) bool { return refused[g.Target] != "" })
	}
	return got
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
	if s.refused != "" {
		return verdict.Judgement{Decision: verdict.OutOfScope, Reason: s.refused}
	}
	if !s.asked {
		if s.outside != "" {
			return verdict.Judgement{Decision: verdict.OutOfScope, Reason: s.outside}
		}
		return verdict.Judgement{Decision: verdict.Allowed}
	}
	j := verdict.Judgement{Decision: verdict.Allowed, Verdicts: s.verdicts, Generated: s.generated}
	slices.SortFunc(s.unordered, verdict.PolicyRef.Compare)
	j.Unordered = slices.Compact(s.unordered)
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
	if !s.stored && s.version != 0 {
		s.mutated = s.req.adm.Object.Raw
	}
	if s.mutated != nil && j.Decision != verdict.Denied {
		j.Patch = patch(s.req.sent, s.mutated)
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
