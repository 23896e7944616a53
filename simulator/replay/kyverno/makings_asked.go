package kyverno

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/kyverno/kyverno/pkg/background/common"
	corev1 "k8s.io/api/core/v1"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// refusalOf asks the API server, and the policies of a side by way of it, about a request of
// Kyverno's, and what it stores: nil where that is not known. What it would make in turn is not asked.
func (e *Engine) refusalOf(ctx context.Context, w world, rec *capture.Record, of *side) (stored []byte, said string, unsure *verdict.Verdict) {
	req, err := e.requestIn(w, rec)
	var refused *admission.Refused
	if errors.As(err, &refused) {
		return nil, refused.Reason, nil
	}
	if err != nil {
		return nil, "", nil
	}
	admits := *of
	admits.rest = slices.DeleteFunc(slices.Clone(of.rest), func(u phased) bool { return u.phase >= phaseBackground })
	run := &sideRun{req: *req, common: newShared(), outside: e.env.outOfScope(req), side: &admits, origin: *req}
	run.mutateAll(ctx, admits.hooks)
	if run.refused == "" && rec.Operation == capture.Create {
		run.refused = allocated(w, rec, run.req.adm.Object.Raw)
	}
	if run.refused == "" && rec.Operation != capture.Delete && !hidden(rec.Object) && !wasInvalid(w, rec) {
		run.refused = run.invalid(run.version, run.req.adm.Object.Raw)
	}
	if run.refused != "" {
		return nil, run.refused, nil
	}
	run.weighPlugins()
	run.run(ctx)
	switch {
	case run.refused != "":
		return nil, run.refused, nil
	case len(run.denials) > 0:
		return nil, run.messages()[0], nil
	case run.unsure != nil:
		return nil, "", run.unsure
	}
	return run.told(), "", nil
}

// told is the object of a request as it is stored, for users; nil where that is not known.
func (s *sideRun) told() []byte {
	if s.req.rec.Operation == capture.Delete || !s.storable() {
		return nil
	}
	if !s.stored {
		s.store()
	}
	told, err := admission.Told(s.req.rec, s.req.returned(s.req.adm.Object.Raw))
	if err != nil {
		return nil
	}
	return told
}

// allocated says what of a new Service others have. What is cloned of one has its address, be that
// in the capture or not.
func allocated(w world, rec *capture.Record, object []byte) string {
	if said := words(admission.Allocated(w.World, rec, object)); said != "" || rec.Kind.Kind != "Service" {
		return said
	}
	var service corev1.Service
	if json.Unmarshal(object, &service) != nil || service.Labels[common.GenerateSourceKindLabel] != "Service" {
		return ""
	}
	if service.Spec.ClusterIP != "" || service.Spec.Type == corev1.ServiceTypeExternalName {
		return ""
	}
	return "the address of the Service that it is cloned from is allocated already"
}

// hidden tells whether a capture has other values in the place of those of a Secret.
func hidden(object []byte) bool {
	return bytes.Contains(object, []byte(capture.HiddenBase64)) || bytes.Contains(object, []byte(`"`+capture.Hidden+`"`))
}

// wasInvalid tells of an object that is there, and that this version of Kubernetes would not
// take: what is captured of it need not be all.
func wasInvalid(w world, rec *capture.Record) bool {
	if rec.Operation != capture.Update {
		return false
	}
	there := *rec
	there.Object = rec.OldObject
	return words(admission.Valid(w.World, &there, rec.OldObject)) != ""
}
