package kyverno

import (
	"bytes"
	"context"
	"slices"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// leftOver is what a workload's controller would make, in the place of rec, of what each side's policies leave
// of the workload; nil where that is rec. What stands has its template already: its next pod is of that.
func (e *Engine) leftOver(ctx context.Context, rec *capture.Record) ([]*capture.Record, error) {
	workload := rec.TemplateOf
	mutates := slices.ContainsFunc(e.sides, func(s side) bool { return len(s.hooks) > 0 })
	if workload == nil || workload.Answered() || !mutates || e.env.mocks != nil {
		return nil, nil
	}
	runs, _, err := e.begin(ctx, workload)
	if err != nil {
		return nil, err
	}
	made := slices.Repeat([]*capture.Record{rec}, len(e.sides))
	changed := false
	for i, run := range runs {
		if run.version == 0 || run.refused != "" {
			continue
		}
		if i > 0 && bytes.Equal(run.req.adm.Object.Raw, runs[i-1].req.adm.Object.Raw) {
			made[i] = made[i-1]
			continue
		}
		left := *workload
		left.Object = run.req.adm.Object.Raw
		all, err := admission.Products(&left)
		at := slices.IndexFunc(all, func(o *capture.Record) bool { return o.Kind == rec.Kind && o.Name == rec.Name })
		if err != nil || at < 0 || bytes.Equal(all[at].Object, rec.Object) {
			continue // the workload's own answer tells
		}
		all[at].TemplateOf, made[i], changed = workload, all[at], true
	}
	if !changed {
		return nil, nil
	}
	return made, nil
}
