package kyverno

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kyverno/kyverno/pkg/config"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// What panics in Kyverno leaves its webhook without an answer: the API server refuses the
// request, or goes on without all that the webhook's policies would have said or done, as
// its failure policy says. Kyverno's server survives a panic of the goroutine that serves the
// request, in which mutations are made. ClusterPolicies validate in another: the process dies.

// breaking is a unit that a webhook of Kyverno's asks.
type breaking interface {
	// breaks says how a panic ends: of which policy, for which webhook, and whether the
	// process dies of it.
	breaks() (c *classic, webhook string, dies bool)
}

func (u classicValidate) breaks() (*classic, string, bool) {
	return u.classic, config.ValidatingWebhookName, true
}

func (u classicManifests) breaks() (*classic, string, bool) {
	return u.classic, config.ValidatingWebhookName, true
}

func (u classicMutate) breaks() (*classic, string, bool) {
	return u.classic, config.MutatingWebhookName, false
}

func (u classicVerify) breaks() (*classic, string, bool) {
	return u.classic, config.MutatingWebhookName, false
}

// evaluate runs a unit. A panic in the engine is Kyverno's, not ours.
func evaluate(ctx context.Context, u phased, req *request) (got answer) {
	defer func() {
		if p := recover(); p != nil {
			got = panicked(u, req, p)
		}
	}()
	req.asker, req.unit = controllerOf(u.phase), u.unit
	ways, unclear := waysOf(u.unit, req)
	if len(ways) == 0 {
		return withUnclear(u.unit.eval(ctx, req), unclear)
	}
	got = withUnclear(ways[0].eval(ctx), unclear)
	for _, other := range ways[1:] {
		got.differs(withUnclear(other.eval(ctx), unclear), u.unit)
	}
	return got
}

// panicked is the answer of a unit in which the engine panicked with p.
func panicked(u phased, req *request, p any) answer {
	req.classic.context = nil // it may be half-way through a checkpoint
	req.misses.take()
	v := verdict.Verdict{Policy: u.unit.ref(), Type: typeOf(u.phase), Outcome: verdict.Error, Message: fmt.Sprintf("Kyverno panics: %v", p)}
	b, ok := u.unit.(breaking)
	switch {
	case u.phase > phaseValidate || req.env.mocks != nil:
		return answer{verdicts: []verdict.Verdict{v}}
	case !ok: // whether Kyverno survives it is not known
		v.Action, v.Message = verdict.Enforce, ""
		return answer{verdicts: []verdict.Verdict{undecided(v, []miss{{reason: fmt.Sprintf("the engine panicked: %v", p), resolve: fleetResolve}})}}
	}
	c, webhook, dies := b.breaks()
	if u.phase >= phaseVerify {
		v.Action = verdict.Enforce
	}
	got := answer{verdicts: []verdict.Verdict{v}, broken: true, dies: dies}
	if c.failClosed() {
		got.deny = fmt.Sprintf("Internal error occurred: failed calling webhook %q: failed to call webhook: EOF (Kyverno panics in %s: %v)", classicWebhook(webhook, c), c.name, p)
	}
	return got
}

// quietly runs the rules of a policy that only report. Kyverno asks them when the request is
// answered, in a pool that survives panics: nothing comes of one.
func (u classicValidate) quietly(out *answer, req *request, run func()) {
	defer func() {
		if p := recover(); p != nil {
			v := panicked(phased{phaseScan, u}, req, p).verdicts[0]
			v.Type, v.Action = verdict.Validate, verdict.Audit
			out.verdicts = append(out.verdicts, v)
		}
	}()
	run()
}

// broke takes note of a unit that left its webhook without an answer.
func (s *sideRun) broke(u unit, got answer) {
	if got.broken {
		s.broken = append(s.broken, u)
	}
	if got.dies {
		s.dead = append(s.dead, u.ref())
	}
}

// heard are those that speak against the request: a webhook that breaks is heard of for that alone.
func (s *sideRun) heard(said []denial) (heard []denial) {
	for _, d := range said {
		silent := slices.ContainsFunc(s.broken, func(u unit) bool { return s.side.voices[u] == s.side.voices[d.unit] })
		if !silent || slices.Contains(s.broken, d.unit) {
			heard = append(heard, d)
		}
	}
	return heard
}

// left tells whether Kyverno, when it dies and the request would be let through all the same,
// leaves another webhook unanswered that is called at the same time and would refuse for it.
func (s *sideRun) left() bool {
	return len(s.dead) > 0 && slices.ContainsFunc(s.side.rest, func(u phased) bool {
		b, ok := u.unit.(breaking)
		if !ok || slices.Contains(s.broken, u.unit) {
			return false
		}
		c, _, _ := b.breaks()
		return c.failClosed() && s.asks([]phased{u})
	})
}

// crashes are the policies in which Kyverno dies.
type crashes struct{ policies sync.Map } // verdict.PolicyRef

// Crashes says in which policies the engines saw Kyverno die; empty for none.
func Crashes(engines map[string]*Engine) string {
	names := map[string]bool{}
	for _, e := range engines {
		e.crashes.policies.Range(func(key, _ any) bool {
			names[key.(verdict.PolicyRef).String()] = true
			return true
		})
	}
	if len(names) == 0 {
		return ""
	}
	return "requests crash Kyverno's admission controller, in " + strings.Join(slices.Sorted(maps.Keys(names)), ", ") +
		": each of them takes it down, and until it is back no policy is answered for"
}
