package kyverno

import (
	"context"
	"fmt"

	"github.com/kyverno/kyverno/pkg/cel/autogen/extract"
	"github.com/kyverno/kyverno/pkg/image/verification/evaluator"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
)

// judgeTemplates judges each pod template of a custom workload as the Pod it would become.
// Kyverno's engine does so too, but makes its own registry client, so it cannot be asked.
func (u *imageValidating) judgeTemplates(ctx context.Context, compiled evaluator.CompiledPolicy, images registryImages, req *request, body *celBody) (*evaluator.EvaluationResult, error) {
	source := triggerOf(req, body)
	templates := extract.ExtractPodTemplates(source.Object)
	if len(templates) == 0 {
		return &evaluator.EvaluationResult{Error: fmt.Errorf("extraction mode: no pod template found in %s/%s", source.GetAPIVersion(), source.GetKind())}, nil
	}
	earlier := map[string]extract.Extracted{}
	if old, _ := body.attr.GetOldObject().(*unstructured.Unstructured); old != nil && req.rec.Operation == capture.Update {
		for _, t := range extract.ExtractPodTemplates(old.Object) {
			earlier[t.Path] = t
		}
	}
	var last, exempt *evaluator.EvaluationResult
	for _, template := range templates {
		object, old := &template, (*extract.Extracted)(nil)
		if before, ok := earlier[template.Path]; ok {
			old = &before
		}
		if req.rec.Operation == capture.Delete {
			object, old = nil, object
		}
		attr := extract.SynthesizePodAttributes(object, old, body.attr)
		adm := extract.SynthesizePodAdmissionRequest(&req.adm, attr)
		result, err := compiled.Evaluate(ctx, images, attr, adm, body.namespace, true, images.library)
		switch {
		case err != nil:
			return nil, fmt.Errorf("pod template at %s: %w", template.Path, err)
		case result == nil:
			continue
		case len(result.Exceptions) > 0:
			exempt = result
			continue
		case result.Error != nil:
			result.Error = fmt.Errorf("%w (pod template at %s)", result.Error, template.Path)
			return result, nil
		case !result.Result:
			result.Message = fmt.Sprintf("%s (pod template at %s)", result.Message, template.Path)
			return result, nil
		}
		last = result
	}
	if last == nil {
		return exempt, nil
	}
	return last, nil
}
