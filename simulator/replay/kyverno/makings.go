package kyverno

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kyverno/kyverno/pkg/background/common"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// What rules generate, or change in the background, Kyverno asks of the API server like
// anybody else, which may refuse it, or ask the policies about it.

// backgroundUser is who asks.
var backgroundUser = capture.User{
	Username: controllers + backgroundSuffix,
	Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kyverno", "system:authenticated"},
}

// refusing is an answer with its objects as an API server would store them, and without those that
// it would not take from Kyverno, or may not.
func (s *sideRun) refusing(ctx context.Context, got answer) answer {
	out := map[string]bool{}
	made := slices.Clone(got.generated)
	for i := range made {
		g := &made[i]
		said, unsure := s.refusalOf(ctx, g, made[:i])
		if said == "" && unsure == nil {
			continue
		}
		out[g.Target] = true
		got.verdicts = slices.Clone(got.verdicts)
		for k := range got.verdicts {
			v := &got.verdicts[k]
			switch {
			case v.Rule != g.Rule || v.Outcome != verdict.Pass && !g.Deleted:
			case said != "":
				v.Outcome, v.Message = verdict.Error, g.Target+cannot(v.Type, g)+said
			case unsure.Type == verdict.Mutate:
				*v = undecided(*v, []miss{{reason: "what policies make of " + g.Target + " is not known: " + unsure.Reason, resolve: unsure.Resolve}})
			default:
				*v = undecided(*v, []miss{{reason: "whether " + g.Target + " is refused is not known: " + unsure.Reason, resolve: unsure.Resolve}})
			}
		}
	}
	got.generated = slices.DeleteFunc(made, func(g verdict.Generated) bool { return out[g.Target] })
	return got
}

func cannot(t verdict.RuleType, g *verdict.Generated) string {
	switch {
	case g.Deleted:
		return " cannot be deleted: "
	case t == verdict.MutateExisting:
		return " cannot be changed: "
	}
	return " cannot be made: "
}

// refusalOf says why an API server does not take an object, or what it is not known for; what it
// takes is then as it stores it. before are those that the same policy makes earlier.
func (s *sideRun) refusalOf(ctx context.Context, g *verdict.Generated, before []verdict.Generated) (said string, unsure *verdict.Verdict) {
	if len(g.Object) == 0 {
		return "", nil
	}
	if err := admission.Decodes(g.Object); err != nil && !g.Deleted {
		return err.Error(), nil
	}
	w, ok := s.req.look.(world)
	if !ok || s.engine == nil || s.req.env.mocks != nil {
		return "", nil
	}
	rec := s.making(w, g)
	if rec == nil {
		return "", nil
	}
	if ns := rec.Namespace; rec.Operation == capture.Create && ns != "" && !s.makesNamespace(ns, before) {
		if _, err := w.get(namespaces, "", ns); apierrors.IsNotFound(err) {
			return fmt.Sprintf("namespaces %q not found", ns), nil
		}
	}
	stored, said, unsure := s.engine.refusalOf(ctx, w, rec, s.side)
	if stored != nil {
		g.Object = stored
	}
	return said, unsure
}

// making is the request that makes an object, changes or deletes it; nil where it is not known which.
func (s *sideRun) making(w world, g *verdict.Generated) *capture.Record {
	object := &unstructured.Unstructured{}
	if object.UnmarshalJSON(g.Object) != nil {
		return nil
	}
	gvk := object.GroupVersionKind()
	gvr, namespaced, ok := w.resourceFor(gvk)
	if !ok || namespaced != (object.GetNamespace() != "") {
		return nil
	}
	rec := &capture.Record{
		Cluster: s.req.rec.Cluster, Time: s.req.rec.Time, Operation: capture.Create, Kind: capture.GVK(gvk), Resource: capture.GVR(gvr),
		Namespace: object.GetNamespace(), Name: object.GetName(), SubResource: g.SubResource, User: backgroundUser, Object: g.Object,
	}
	if there, err := w.get(gvr, object.GetNamespace(), object.GetName()); err == nil {
		old, err := (&unstructured.Unstructured{Object: there}).MarshalJSON()
		if err != nil {
			return nil
		}
		rec.Operation, rec.OldObject = capture.Update, old
	}
	if g.Deleted {
		rec.Operation, rec.Object, rec.OldObject = capture.Delete, nil, g.Object
	}
	return rec
}

// makesNamespace tells whether a namespace is there because of the request: it is what the
// request is about or is made in, or a rule makes it first.
func (s *sideRun) makesNamespace(name string, before []verdict.Generated) bool {
	made := func(g verdict.Generated) bool { return g.Target == "Namespace/"+name }
	about := s.req.kind.Kind == "Namespace" && s.req.adm.Name == name
	return about || s.req.rec.Namespace == name || slices.ContainsFunc(before, made) || slices.ContainsFunc(s.generated, made)
}

// refusalOf asks the API server, and the policies of a side by way of it, about a request of
// Kyverno's, and what it stores: nil where that is not known. What it would make in turn is not asked.
func (e *Engine) refusalOf(ctx context.Context, w world, rec *capture.Record, of *side) (stored []byte, said string, unsure *verdict.Verdict) {
	req, err := e.newRequest(rec)
	var refused *admission.Refused
	if errors.As(err, &refused) {
		return nil, refused.Reason, nil
	}
	if err != nil {
		return nil, "", nil
	}
	req.look = w
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
