package kyverno

import (
	"bytes"
	"context"
	"slices"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// leftover is what a controller makes of what a side's policies leave of a workload.
type leftover struct {
	rec    *capture.Record // nil: nothing
	clouds []cloud         // what is not known of it
}

// remade is what a workload's controller would make in the place of rec, for each side; nil where that is
// rec. What stands has its template already: its next pod is of that.
func (e *Engine) remade(ctx context.Context, rec *capture.Record) ([]leftover, error) {
	workload := rec.TemplateOf
	mutates := slices.ContainsFunc(e.sides, func(s side) bool { return len(s.hooks) > 0 })
	if workload == nil || workload.Answered() || !mutates || e.env.mocks != nil {
		return nil, nil
	}
	of, err := e.remade(ctx, workload) // which may be made of another
	if err != nil {
		return nil, err
	}
	if of == nil {
		of = slices.Repeat([]leftover{{rec: workload}}, len(e.sides))
	}
	out := make([]leftover, len(of))
	var runs []*sideRun
	changed := false
	for i, from := range of {
		if from.rec != nil && (i == 0 || from.rec != of[i-1].rec) {
			if runs, _, err = e.begin(ctx, from.rec, of); err != nil {
				return nil, err
			}
		}
		if from.rec != nil && runs == nil {
			out[i].rec = rec // the workload's own answer tells
			continue
		}
		if from.rec != nil {
			out[i] = runs[i].leaves(from.rec, rec)
		}
		changed = changed || out[i].rec != rec || len(out[i].clouds) > 0
	}
	if !changed {
		return nil, nil
	}
	return out, nil
}

// leaves is what is made, in the place of rec, of the workload as the policies leave it.
func (s *sideRun) leaves(workload, rec *capture.Record) leftover {
	out := leftover{rec: rec, clouds: inTemplate(s.clouds, rec)}
	if s.refused != "" || s.version == 0 && workload == rec.TemplateOf {
		return out
	}
	left := *workload
	left.Object = s.req.adm.Object.Raw
	all, err := admission.Products(&left)
	if err != nil {
		return out
	}
	at := slices.IndexFunc(all, func(o *capture.Record) bool { return o.Kind == rec.Kind && o.Name == rec.Name })
	switch {
	case at < 0:
		return leftover{}
	case !bytes.Equal(all[at].Object, rec.Object):
		all[at].TemplateOf, out.rec = rec.TemplateOf, all[at]
	}
	return out
}

// inTemplate are the clouds over a workload that are over what is made of it.
func inTemplate(clouds []cloud, made *capture.Record) (out []cloud) {
	prefix := write{"spec", "template"}
	switch made.Kind.Kind {
	case "Job":
		prefix = write{"spec", "jobTemplate"}
	case "PersistentVolumeClaim":
		prefix = write{"spec", "volumeClaimTemplates", anyField}
	}
	for _, c := range clouds {
		var places []write
		for _, place := range c.places {
			if len(place) > len(prefix) && slices.Equal(place[:len(prefix)], prefix) {
				places = append(places, place[len(prefix):])
			}
		}
		if len(c.places) > 0 && len(places) == 0 {
			continue
		}
		c.places, c.maybe = places, false
		out = append(out, c)
	}
	return out
}

// judgeLeft judges what each side leaves. What the API server refuses of one side alone, the policies' doing,
// is denied there.
func (e *Engine) judgeLeft(ctx context.Context, left []leftover) ([]verdict.Judgement, error) {
	out, refused := make([]verdict.Judgement, len(left)), make([]string, len(left))
	var sides []verdict.Judgement
	var why []string
	for i, made := range left {
		if made.rec == nil {
			out[i] = verdict.Judgement{Decision: verdict.OutOfScope, Reason: "nothing is made of what policies leave of the workload"}
			continue
		}
		if i > 0 && made.rec == left[i-1].rec {
			out[i], refused[i] = sides[i], why[i]
			continue
		}
		var err error
		if sides, why, err = e.judge(ctx, made.rec, left); err != nil {
			return nil, err
		}
		out[i], refused[i] = sides[i], why[i]
	}
	if !slices.Contains(refused, "") {
		return out, nil
	}
	for i, reason := range refused {
		if reason != "" && out[i].Decision == verdict.OutOfScope {
			out[i] = verdict.Judgement{Decision: verdict.Denied, Message: reason, Messages: []string{reason}}
		}
	}
	return out, nil
}
