package kyverno

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// What rules generate, or change in the background, Kyverno asks of the API server like
// anybody else, which may refuse it, or ask the policies about it.

// controller is who asks here.
func (s *sideRun) controller() capture.User {
	name := s.req.backgroundName()
	return capture.User{Username: name, Groups: accountGroups(name)}
}

// refusing is an answer with its objects as an API server would store them, and without those that
// it would not take from Kyverno, or may not.
func (s *sideRun) refusing(ctx context.Context, got answer) answer {
	if len(got.generated) == 0 {
		return got
	}
	out := map[string]bool{}
	made := slices.Clone(got.generated)
	look := s.afterwards()
	for i := range made {
		g := &made[i]
		said, unsure := s.refusalOf(ctx, look, g, made[:i])
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

// afterwards is what is looked up once the request is through: its object is stored, or gone.
func (s *sideRun) afterwards() lookup {
	w, ok := s.req.look.(world)
	rec := s.req.rec
	if !ok || rec.SubResource != "" || rec.DryRun || s.req.env.mocks != nil {
		return s.req.look
	}
	if rec.Operation == capture.Delete {
		w.World = w.Without(rec.Resource, rec.Namespace, rec.Name)
		return w
	}
	with, err := w.With(&capture.WorldObject{Cluster: rec.Cluster, Object: s.existing().adm.Object.Raw})
	if err != nil {
		return s.req.look // it is no object, and nobody finds it
	}
	w.World = with
	return w
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
func (s *sideRun) refusalOf(ctx context.Context, look lookup, g *verdict.Generated, before []verdict.Generated) (said string, unsure *verdict.Verdict) {
	if len(g.Object) == 0 {
		return "", nil
	}
	if err := admission.Decodes(g.Object); err != nil && !g.Deleted {
		return err.Error(), nil
	}
	w, ok := look.(world)
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
		Namespace: object.GetNamespace(), Name: object.GetName(), SubResource: g.SubResource, User: s.controller(), Object: g.Object,
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
