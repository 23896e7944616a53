package kyverno

import (
	"context"
	"errors"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// webhookConditions are the match conditions of a webhook, which the API server evaluates before
// it calls. Where one fails to evaluate and none is false, the request is refused, or the webhook
// not called, as its failure policy says: long before Kyverno could say anything.
type webhookConditions struct {
	matcher matchconditions.Matcher
	each    knownConditions
	own     bool // they are the policy's, not those of Kyverno's configuration
	cel     bool // of a policy that settles itself what is not known
	drawn   draws
	// What they read.
	user, old bool
	stored    bool // … more of the old object than its name
	secrets   secretive
}

// conditioned is a unit whose webhook has conditions; nil: it has none.
type conditioned interface {
	conditionsIn(*environment) *webhookConditions
}

// newWebhookConditions compiles conditions; those that an API server would not take are an error.
func newWebhookConditions(written []admissionregistrationv1.MatchCondition, fails bool, name string) (*webhookConditions, error) {
	if len(written) == 0 {
		return nil, nil
	}
	compiler, err := newAdmissionCompiler(false, nil)
	if err != nil {
		return nil, err
	}
	failure := admissionregistrationv1.Ignore
	if fails {
		failure = admissionregistrationv1.Fail
	}
	w := &webhookConditions{own: name != "", matcher: compiler.matchConditions(written, &failure, name)}
	for _, c := range written {
		whole := wholeRequest(c.Expression)
		w.user = w.user || whole || celUser.MatchString(c.Expression)
		w.old = w.old || whole || celOldObject.MatchString(c.Expression)
		w.stored = w.stored || whole || celOldObject.MatchString(withoutKnown(c.Expression))
		w.secrets = w.secrets.or(secretsOfCEL(c.Expression))
	}
	if err := errors.Join(compiler.faults...); err != nil {
		return w, err
	}
	w.each = compiler.each(written, name)
	return w, nil
}

// uncalled is the answer for a unit whose webhook the API server does not call; false where it does.
func (w *webhookConditions) uncalled(ctx context.Context, req *request, u phased) (answer, bool) {
	v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Action: verdict.Enforce, Outcome: verdict.Error}
	if unknown := w.unknown(req); unknown != nil {
		if w.unmet(ctx, req) {
			return w.kept(req, u), true
		}
		if w.cel || !w.own { // what a configuration keeps from Kyverno, it keeps for known reasons only
			return answer{}, false
		}
		return answer{verdicts: []verdict.Verdict{undecided(v, unknown)}}, true
	}
	call, err := req.begin()
	if err != nil {
		return answer{}, false
	}
	result := w.matcher.Match(ctx, call.attr, nil, offlineAuthorizer{req})
	missing := req.misses.take()
	switch unmet := result.Error == nil && !result.Matches; {
	case len(missing) > 0 && !(unmet && w.each.unmet(ctx, call, nil)):
		return answer{verdicts: []verdict.Verdict{undecided(v, missing)}}, true
	case unmet:
		return w.kept(req, u), true
	case result.Error == nil:
		return answer{}, false
	}
	words, loose := inOlderWords(result.Error.Error())
	if len(loose) > 0 {
		return answer{verdicts: []verdict.Verdict{undecided(v, loose)}}, true
	}
	v.Message = "the match conditions of its webhook cannot be evaluated: " + words
	resource := schema.GroupResource{Group: req.adm.Resource.Group, Resource: req.adm.Resource.Resource}
	refusal := apierrors.NewForbidden(resource, req.adm.Name, errors.New(words)).Error()
	return answer{verdicts: []verdict.Verdict{v}, deny: refusal, early: true}, true
}

// unmet tells whether the conditions are not met, whatever some of them read.
func (w *webhookConditions) unmet(ctx context.Context, req *request) bool {
	call, err := req.begin()
	return err == nil && w.each.unmet(ctx, call, nil)
}

// kept is the answer for a unit whose conditions are not met.
func (w *webhookConditions) kept(req *request, u phased) answer {
	if p, ok := u.unit.(selecting); ok && w.own {
		return unmet(p, req, u)
	}
	return answer{}
}

// unknown says what the conditions read and the capture does not hold.
func (w *webhookConditions) unknown(req *request) []miss {
	if found := req.undrawn(w.drawn); len(found) > 0 {
		return found
	}
	switch {
	case w.user && !req.userKnown():
		return []miss{{reason: "who sends the request is not in the capture", resolve: resolveUser}}
	case w.stored && req.asSent():
		return []miss{sentMiss}
	case w.old && req.rec.Lacks(capture.MissingOldObject):
		return []miss{{reason: "the object before the update is not in the capture", resolve: resolveOld}}
	case w.secrets.hidden(req):
		return []miss{secretsMiss}
	}
	return nil
}

// selecting is a CEL policy. That its conditions are not met is the API server's word: Kyverno
// asks of exceptions before, and an object that is not there is not null to it.
type selecting interface {
	applies(*request) bool
}

// unmet is what Kyverno says of conditions that are not met.
func unmet(p selecting, req *request, u phased) (out answer) {
	if !p.applies(req) {
		return out
	}
	v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Outcome: verdict.Skip, Message: matchConditionsNotMet}
	switch u := u.unit.(type) {
	case *mutatingExisting:
		v.Type = verdict.MutateExisting
		out.verdicts = []verdict.Verdict{v}
	case *validating:
		out.add(u.actions, v)
	case *imageValidating:
		v.Type = verdict.VerifyImages
		out.add(u.actions, v)
	default:
		out.verdicts = []verdict.Verdict{v}
	}
	return out
}

// conditionsIn are the policy's own, or else those that Kyverno's ConfigMap has for all.
func (c *classic) conditionsIn(e *environment) *webhookConditions {
	if c.policy.GetSpec().CustomWebhookMatchConditions() {
		return c.conditions
	}
	if c.failClosed() {
		return e.conditions.fail
	}
	return e.conditions.ignore
}
