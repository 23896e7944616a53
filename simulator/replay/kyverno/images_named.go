package kyverno

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/kyverno/kyverno/pkg/cel/autogen/extract"
	apiutils "github.com/kyverno/kyverno/pkg/utils/api"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Images returns the images that a record's objects name, as Kyverno reads them: with the
// default registry and tag, sorted. Pods, what makes pods, and custom workloads with pod
// templates name images; what is no image reference is left out.
func (e *Engine) Images(rec *capture.Record) []string {
	found := map[string]bool{}
	for _, raw := range []json.RawMessage{rec.Object, rec.OldObject} {
		var object map[string]any
		if len(raw) == 0 || json.Unmarshal(raw, &object) != nil {
			continue
		}
		e.imagesOf(object, found)
		for _, t := range extract.ExtractPodTemplates(object) {
			e.imagesOf(map[string]any{"apiVersion": "v1", "kind": "Pod", "spec": t.Template["spec"]}, found)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func (e *Engine) imagesOf(object map[string]any, found map[string]bool) {
	infos, err := apiutils.ExtractImagesFromResource(unstructured.Unstructured{Object: object}, nil, e.env.cfg)
	if err != nil {
		return // not all are image references: no policy can verify them
	}
	for _, containers := range infos {
		for _, image := range containers {
			found[image.String()] = true
		}
	}
}
