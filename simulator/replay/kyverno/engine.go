package kyverno

import (
	"context"
	"errors"
	"slices"

	"github.com/kyverno/kyverno/pkg/engine"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Engine judges the records of one cluster under several policy sets. It is safe for
// concurrent use.
type Engine struct {
	env   *environment
	envs  []*environment // of each side, whose policies may bring Kyverno's configuration
	look  lookup
	looks []lookup // of each side, whose policies may bring ConfigMaps
	sides []side
	scans [][]phased
	// unfiltered is env for the scan.
	unfiltered *environment
	reads      *reading // for the scan
	bodiless   *bodiless
	undefined  *undefined
	crashes    *crashes
	// As is the user of records that do not say who sent them; zero leaves them unknown.
	as capture.User
}

// shared holds what the sides of one request have in common: a policy that is in both
// sets and sees the same object is asked once.
type shared struct {
	answers  map[answerKey]answer
	versions map[string]int // objects by content; 0 is the recorded one
	contexts map[seen]*engine.PolicyContext
	fates    map[int]*fate // of the objects after all mutations
}

func newShared() *shared {
	return &shared{answers: map[answerKey]answer{}, versions: map[string]int{}, contexts: map[seen]*engine.PolicyContext{}, fates: map[int]*fate{}}
}

// seen is what a policy sees: a version of the object, and that with which its webhook was
// called, if another policy came before; see [sideRun.follow].
type seen struct{ version, began int }

type answerKey struct {
	unit     unit
	seen     seen
	unpinned bool
}

// lookOf is what the policies of a side look things up in.
func (e *Engine) lookOf(side int) lookup {
	if w, ok := e.look.(world); ok && side < len(e.looks) && e.looks[side] != w {
		return e.looks[side]
	}
	return e.look
}

// Judge answers rec once for each side, in their order.
func (e *Engine) Judge(ctx context.Context, rec *capture.Record) ([]verdict.Judgement, error) {
	left, err := e.remade(ctx, rec)
	if err != nil {
		return nil, err
	}
	if left != nil {
		return e.judgeLeft(ctx, left)
	}
	out, _, err := e.judge(ctx, rec, nil)
	return out, err
}

// judge answers a record as it is. refused is why the API server refuses it of its own accord, for each side.
func (e *Engine) judge(ctx context.Context, rec *capture.Record, left []leftover) (out []verdict.Judgement, refused []string, err error) {
	runs, reason, err := e.begin(ctx, rec, left)
	if err != nil {
		return nil, nil, err
	}
	out, refused = make([]verdict.Judgement, len(e.sides)), make([]string, len(e.sides))
	if runs == nil {
		for i := range out {
			out[i], refused[i] = verdict.Judgement{Decision: verdict.OutOfScope, Reason: reason}, reason
		}
		return out, refused, nil
	}
	weigh(runs)
	for i, run := range runs {
		run.run(ctx)
		out[i], refused[i] = run.judgement(), run.refused
		for _, p := range run.dead {
			e.crashes.policies.Store(p, true)
		}
		e.otherwise(ctx, run, &out[i])
		e.inAnyOrder(ctx, run, &out[i])
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
	}
	attribute(runs, out)
	e.undefined.add(e.look, rec, out)
	e.assume(rec, out)
	e.exclude(rec, out)
	return out, refused, nil
}

// begin mutates the object of a record, for each side; nil where the API server asks nobody, for the
// reason that is given. left is what is not known of the object.
func (e *Engine) begin(ctx context.Context, rec *capture.Record, left []leftover) (runs []*sideRun, reason string, err error) {
	if reason := refusedOtherwise(rec.Response); reason != "" {
		return nil, reason, nil
	}
	req, err := e.newRequest(rec)
	var refused *admission.Refused
	if errors.As(err, &refused) {
		return nil, refused.Reason, nil
	}
	if err != nil {
		return nil, "", err
	}
	outside := e.env.outOfScope(req)
	common, then := map[lookup]*shared{}, map[lookup]lookup{e.look: req.look}
	for i := range e.sides {
		of, outside, look := *req, outside, e.lookOf(i)
		if then[look] == nil {
			then[look] = at(look, rec)
		}
		if of.look, of.before = then[look], then[look]; of.look != req.look {
			if err := of.findNamespace(); err != nil {
				return nil, "", err
			}
			if e.env.mocks == nil { // suites have one configuration
				of.env = e.envs[i]
			}
			outside = of.env.outOfScope(&of)
		}
		if common[of.look] == nil {
			common[of.look] = newShared()
		}
		run := &sideRun{req: of, common: common[of.look], outside: outside, side: &e.sides[i], engine: e, origin: of}
		if left != nil {
			run.clouds = slices.Clone(left[i].clouds)
		}
		run.mutateAll(ctx, e.sides[i].hooks)
		runs = append(runs, run)
	}
	return runs, "", nil
}
