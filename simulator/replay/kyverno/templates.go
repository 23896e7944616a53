package kyverno

import (
	"bytes"
	"context"
	"slices"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// templatePods are the pods that a workload's controller would make of what each side's policies leave of
// its template; nil where they are the one of the template as it was sent. What stands has its template
// already: its next pod is of that.
func (e *Engine) templatePods(ctx context.Context, rec *capture.Record) ([]*capture.Record, error) {
	workload := rec.TemplateOf
	mutates := slices.ContainsFunc(e.sides, func(s side) bool { return len(s.hooks) > 0 })
	if workload == nil || workload.Answered() || !mutates || e.env.mocks != nil {
		return nil, nil
	}
	runs, _, err := e.begin(ctx, workload)
	if err != nil {
		return nil, err
	}
	pods := slices.Repeat([]*capture.Record{rec}, len(e.sides))
	changed := false
	for i, run := range runs {
		if run.version == 0 || run.refused != "" {
			continue
		}
		if i > 0 && bytes.Equal(run.req.adm.Object.Raw, runs[i-1].req.adm.Object.Raw) {
			pods[i] = pods[i-1]
			continue
		}
		left := *workload
		left.Object = run.req.adm.Object.Raw
		pod, err := admission.Pod(&left)
		if pod == nil || err != nil || bytes.Equal(pod.Object, rec.Object) {
			continue // the workload's own answer tells
		}
		pod.TemplateOf, pods[i], changed = workload, pod, true
	}
	if !changed {
		return nil, nil
	}
	return pods, nil
}
