package kyverno

import (
	"context"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Scan judges the object of rec as Kyverno's reports controller does when it scans what is
// in a cluster: a creation that nobody asks for, under the policies that are for the
// background, without webhooks and their filters. It returns the results that PolicyReports
// would show, once for each side; none for a record without an object of its own. The
// scan's own differences are kept: an object that a MutatingPolicy would change fails. What the
// reports controller may not read has no results: see [Engine.Unread].
func (e *Engine) Scan(ctx context.Context, rec *capture.Record) ([][]verdict.Verdict, error) {
	out := make([][]verdict.Verdict, len(e.scans))
	switch {
	case rec.SubResource != "" || rec.Operation == capture.Delete:
		return out, nil
	case len(rec.Object) == 0 || rec.Lacks(capture.MissingObject):
		return out, e.unscannable(rec)
	}
	there, err := e.inCluster(rec)
	if err != nil || there == nil {
		return out, err
	}
	req, err := e.requestIn(e.look, there)
	if err != nil {
		return out, err
	}
	req.env, req.nobody, req.sent = e.unfiltered, true, rec.Object
	req.adm.UserInfo, req.roles, req.clusterRoles = authenticationv1.UserInfo{}, nil, nil
	if e.reads.blind(schema.GroupVersionResource(rec.Resource)) {
		for _, units := range e.scans {
			e.reads.missed(req, units)
		}
		return out, nil
	}
	type seen struct {
		unit unit
		look lookup
	}
	common := map[seen][]verdict.Verdict{}
	for i, units := range e.scans {
		of := *req
		if of.look = e.lookOf(i); of.look != req.look {
			if err := of.findNamespace(); err != nil {
				return out, err
			}
		}
		for _, u := range units {
			got, ok := common[seen{u.unit, of.look}]
			if !ok {
				got = (&sideRun{req: of}).scan(ctx, u)
				common[seen{u.unit, of.look}] = got
			}
			out[i] = append(out[i], got...)
		}
		slices.SortStableFunc(out[i], verdict.Verdict.Compare)
	}
	return out, ctx.Err()
}

// unscannable remembers that policies would be asked about an object that the capture does not
// hold.
func (e *Engine) unscannable(rec *capture.Record) error {
	req, err := e.newRequest(rec)
	if err != nil || !rec.Live {
		return err
	}
	for _, units := range e.scans {
		for _, u := range units {
			if pre, ok := u.unit.(seer); !ok || pre.sees(req) {
				e.bodiless.add(rec.Kind.Kind)
				return nil
			}
		}
	}
	return nil
}

// inCluster is a record's object as the cluster holds it; nil if it would refuse it.
func (e *Engine) inCluster(rec *capture.Record) (*capture.Record, error) {
	there := *rec
	there.Operation, there.OldObject, there.Options, there.Response = capture.Create, nil, nil, nil
	there.User, there.DryRun, there.Missing = capture.User{}, false, nil
	w, ok := e.look.(world)
	if !ok || rec.Live {
		return &there, nil
	}
	object, err := admission.Made(w.World, &there)
	if _, refused := err.(*admission.Refused); refused {
		return nil, nil
	}
	there.Object, there.Live = admission.Returned(w.World, &there, object), true
	return &there, err
}

func (s *sideRun) scan(ctx context.Context, u phased) []verdict.Verdict {
	if pre, ok := u.unit.(seer); ok && !pre.sees(&s.req) {
		return nil
	}
	return evaluate(ctx, u, &s.req).verdicts
}
