package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// A policy may generate policies. Where a candidate changes it, or takes it away, what it generated is
// not in force as it is captured: Kyverno's background controller makes of it what the candidate says.

// regenerated is what stands beside a candidate once that has shipped. before and after are the programs of
// the sides with what is captured as it is.
func (q *question) regenerated(ctx context.Context, world *capture.World, cluster string, beside []policy.Object, before, after *kyverno.Program) ([]policy.Object, error) {
	if !slices.ContainsFunc(beside, func(o policy.Object) bool { _, ok := kyverno.GeneratorOf(o); return ok }) {
		return beside, nil
	}
	var changed []policy.Object
	was, is := q.compiler.Defaulted(cmp.Or(q.baseline, q.installed[cluster])), q.compiler.Defaulted(q.candidate)
	for _, o := range beside {
		if g, ok := kyverno.GeneratorOf(o); ok && changes(g, was, is) {
			changed = append(changed, o)
		}
	}
	if len(changed) == 0 {
		return beside, nil
	}
	made, err := q.generate(ctx, world, cluster, changed, before, after)
	if err != nil {
		return nil, err
	}
	var stands []policy.Object
	for _, o := range beside {
		switch becomes, known := made[o.Title()]; {
		case becomes.Same, !slices.ContainsFunc(changed, func(c policy.Object) bool { return c.Title() == o.Title() }):
			stands = append(stands, o)
		case known && !becomes.Deleted && becomes.Object != nil:
			stands = append(stands, kyverno.Changed(o, becomes.Object))
		case becomes.Deleted, !known && gone(o, was, is):
			q.note(fmt.Sprintf("%s goes with the rule that generated it", o.Title()))
		case !known && stays(o, is):
			q.note(fmt.Sprintf("%s stays when the rule that generated it is gone, or changes", o.Title()))
			stands = append(stands, o)
		default:
			q.note(fmt.Sprintf("what becomes of %s is not known, since the candidate changes what generated it: it was taken to stay as it is", o.Title()))
			stands = append(stands, o)
		}
	}
	return stands, nil
}

// changes tells whether sets differ in what generates.
func changes(g kyverno.Generator, before, after *policy.Set) bool {
	was, is := generator(g, before), generator(g, after)
	return (was == nil) != (is == nil) || was != nil && was.Digest != is.Digest
}

func generator(g kyverno.Generator, set *policy.Set) *policy.Object {
	at := slices.IndexFunc(set.Objects, g.Is)
	if at < 0 {
		return nil
	}
	return &set.Objects[at]
}

// gone tells whether an object is deleted since the candidate has no longer what generated it.
func gone(o policy.Object, before, after *policy.Set) bool {
	g, _ := kyverno.GeneratorOf(o)
	was, is := generator(g, before), generator(g, after)
	return was != nil && g.Takes(*was) && (is == nil || !g.Asks(*is))
}

// stays tells whether an object is left as it is whatever becomes of what generated it.
func stays(o policy.Object, after *policy.Set) bool {
	g, _ := kyverno.GeneratorOf(o)
	is := generator(g, after)
	return is == nil || !g.Asks(*is) || !g.Follows(*is)
}

// generate is what the candidate generates of some objects, by their titles, for what triggered them.
func (q *question) generate(ctx context.Context, world *capture.World, cluster string, objects []policy.Object, before, after *kyverno.Program) (map[string]verdict.Generated, error) {
	engine, err := q.compiler.Engine(world, q.as, before, after)
	if err != nil {
		return nil, malformed(err, "")
	}
	triggers := map[string][]byte{}
	for _, o := range objects {
		if g, _ := kyverno.GeneratorOf(o); g.TriggerUID != "" {
			triggers[g.TriggerUID] = []byte(`"uid":"` + g.TriggerUID + `"`)
		}
	}
	made := map[string]verdict.Generated{}
	for rec, err := range q.capture.Records() {
		if err != nil {
			return nil, err
		}
		if rec.Cluster != cluster || rec.Operation != capture.Create || !mentions(rec.Object, triggers) {
			continue
		}
		judged, err := engine.Judge(ctx, rec)
		if err != nil {
			return nil, unanswered(err)
		}
		for _, g := range judged[1].Generated {
			made[g.Target] = g
		}
	}
	return made, nil
}

func mentions(object []byte, texts map[string][]byte) bool {
	for _, text := range texts {
		if bytes.Contains(object, text) {
			return true
		}
	}
	return false
}

// note adds a note, once.
func (q *question) note(text string) {
	if !slices.Contains(q.notes, text) {
		q.notes = append(q.notes, text)
	}
}
