package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// recoveryPatience is how long a way back may take.
const recoveryPatience = time.Minute

// waysBack rehearses the scenario's ways on its clusters: the candidate is enforced, a
// captured request is seen to be denied, then one way after the other is taken, timed to
// the first admitted request, and undone.
func (r *rehearsal) waysBack(ctx context.Context) error {
	spec := r.plan.Scenario.Rollback
	if len(spec.Ways) == 0 {
		return nil
	}
	picked := spec.Clusters.Picks(r.plan.clusters())
	slots := make([][]timeline.Rollback, len(r.members))
	err := r.each(ctx, r.members, func(ctx context.Context, l *live) error {
		if !slices.ContainsFunc(picked, func(c scenarios.Cluster) bool { return c.Name == l.Name }) {
			return nil
		}
		slots[slices.Index(r.members, l)] = r.waysOf(ctx, l, spec.Ways)
		return nil
	})
	for i := range spec.Ways { // by way, then in fleet order
		for _, s := range slots {
			if i < len(s) {
				r.line.Rollback = append(r.line.Rollback, s[i])
			}
		}
	}
	return err
}

// trial is one cluster in the state from which the ways lead back.
type trial struct {
	*live
	probe    *capture.Record
	denying  []policy.Object // in Enforce, that deny the probe
	original map[key]policy.Object
	made     bool // the policy was made for the trial: no captured request is denied
}

func (r *rehearsal) waysOf(ctx context.Context, l *live, ways []string) []timeline.Rollback {
	now := r.ended(l)
	t, err := r.deny(ctx, l, now)
	defer func() { // the cluster ends as the rollout left it
		if t != nil {
			for _, o := range t.denying {
				t.restoreOne(ctx, o, byKey(now))
			}
		}
	}()
	var out []timeline.Rollback
	for _, way := range ways {
		back := timeline.Rollback{Way: way, Cluster: l.Name}
		if err != nil {
			back.Error = firstLine(err.Error())
			out = append(out, back)
			continue
		}
		back.Probe = request(t.probe)
		start := time.Now()
		undo, note, e := t.take(ctx, way)
		back.Note = note
		if e != nil {
			back.Error = firstLine(e.Error())
		} else {
			back.Requests, back.Error = l.untilAdmitted(ctx, t.probe, "")
		}
		back.Took = time.Since(start)
		if t.made {
			back.Note = joined(back.Note, "no captured request is denied by the candidate; a policy made for the trial was")
		}
		r.step(start, l.Name, "way back: "+way, back.Error)
		out = append(out, back)
		if undo != nil {
			if e := undo(ctx); e != nil {
				err = fmt.Errorf("after the way %s: %w", way, e)
				continue
			}
		}
		err = t.untilDenied(ctx)
	}
	return out
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// deny brings a cluster to where a captured request is denied by the candidate.
func (r *rehearsal) deny(ctx context.Context, l *live, now *policy.Set) (*trial, error) {
	pr := r.predicted[l.Member]
	t := &trial{live: l, original: byKey(l.Sets[0])}
	worst := byKey(l.Worst)
	for _, rec := range l.Records {
		if pr.of(rec, l.Worst).decision != verdict.Denied || !pr.of(rec, l.Sets[0]).admitted() || traffic.CreatesOwn(rec) {
			continue
		}
		// Enforce what the candidate changes, and see who denies.
		for _, k := range keys(worst) {
			if o := worst[k]; policy.ModeOf(o) == policy.Enforce && o.Digest != byKey(now)[k].Digest {
				t.denying = append(t.denying, o)
			}
		}
		if err := t.enforce(ctx); err != nil {
			return t, err
		}
		answer, err := l.await(ctx, rec, traffic.Denied)
		if err != nil {
			return t, err
		}
		t.probe = rec
		t.denying = slices.DeleteFunc(t.denying, func(o policy.Object) bool {
			if slices.Contains(answer.Policies, o.Name) {
				return false
			}
			t.restoreOne(ctx, o, byKey(now))
			return true
		})
		if len(t.denying) == 0 { // it denies in the stage's own version
			for _, o := range now.Objects {
				if slices.Contains(answer.Policies, o.Name) {
					t.denying = append(t.denying, o)
				}
			}
		}
		return t, nil
	}
	return t, t.make(ctx)
}

func (t *trial) enforce(ctx context.Context) error {
	for _, o := range t.denying {
		c := change{object: &o}
		if err := t.client.apply(ctx, &c); err != nil {
			return err
		}
	}
	return nil
}

// make puts a policy in force that denies one ConfigMap, when nothing captured is denied.
func (t *trial) make(ctx context.Context) error {
	o, err := trialPolicy()
	if err != nil {
		return err
	}
	t.made, t.denying, t.probe = true, []policy.Object{o}, trialProbe()
	if err := t.enforce(ctx); err != nil {
		return err
	}
	_, err = t.await(ctx, t.probe, traffic.Denied)
	return err
}

// take takes one way back. The way is taken when it returns; undo leads to the state before it.
func (t *trial) take(ctx context.Context, way string) (undo func(context.Context) error, note string, err error) {
	switch way {
	case "audit":
		for _, o := range t.denying {
			audited, _ := policy.InMode(o, policy.Audit)
			err = errors.Join(err, t.client.apply(ctx, &change{object: &audited}))
		}
		return t.enforce, "violations are reported, not refused", err
	case "delete":
		for _, o := range t.denying {
			err = errors.Join(err, t.client.apply(ctx, &change{before: &o}))
		}
		return t.enforce, "nothing of the policy is left, not even its reports", err
	case "previous":
		for _, o := range t.denying {
			err = errors.Join(err, t.restoreOne(ctx, o, t.original))
		}
		return t.enforce, "what was in force before the rollout is in force again", err
	case "exception":
		return t.except(ctx)
	case "failOpen":
		return t.failOpen(ctx)
	}
	return nil, "", fmt.Errorf("unknown way %q", way)
}

func (t *trial) restoreOne(ctx context.Context, o policy.Object, to map[key]policy.Object) error {
	for k, old := range to {
		if k.kind == o.Kind && k.name == o.Name && k.namespace == o.Namespace {
			return t.client.apply(ctx, &change{object: &old})
		}
	}
	return t.client.apply(ctx, &change{before: &o})
}

// failOpen is the last resort: Kyverno does not answer, and the webhooks are told not to
// insist.
func (t *trial) failOpen(ctx context.Context) (undo func(context.Context) error, note string, err error) {
	undo = func(ctx context.Context) error { return t.cluster.Start(ctx, cluster.Kyverno) }
	if err := t.cluster.Stop(ctx, cluster.Kyverno); err != nil {
		return nil, "", err
	}
	for _, resource := range []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"} {
		gvr := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}
		list, err := t.client.Dynamic.Resource(gvr).List(ctx, metav1.ListOptions{LabelSelector: "webhook.kyverno.io/managed-by=kyverno"})
		if err != nil {
			return undo, "", err
		}
		for _, w := range list.Items {
			hooks, _, _ := unstructured.NestedSlice(w.Object, "webhooks")
			for _, h := range hooks {
				if m, ok := h.(map[string]any); ok {
					m["failurePolicy"] = "Ignore"
				}
			}
			if err := unstructured.SetNestedSlice(w.Object, hooks, "webhooks"); err != nil {
				return undo, "", err
			}
			if _, err := t.client.Dynamic.Resource(gvr).Update(ctx, &w, metav1.UpdateOptions{FieldManager: objects.Manager}); err != nil {
				return undo, "", err
			}
		}
	}
	return undo, "no policy of Kyverno is enforced until it runs again", nil
}

// apply makes a change without waiting for its status.
func (c *client) apply(ctx context.Context, ch *change) error {
	if ch.object == nil {
		o, err := parse(ch.before)
		if err != nil {
			return err
		}
		return c.Remove(ctx, o)
	}
	o, err := parse(ch.object)
	if err != nil {
		return err
	}
	return c.Put(ctx, o)
}

// untilAdmitted sends the probe until it is admitted and counts the answers before.
func (l *live) untilAdmitted(ctx context.Context, probe *capture.Record, already string) (refused int, failure string) {
	if already != "" {
		return 0, already
	}
	ctx, cancel := context.WithTimeout(ctx, recoveryPatience)
	defer cancel()
	var last traffic.Answer // the one that the deadline did not cut short
	for {
		a := l.sender.Send(ctx, probe, true)
		if a.Kind == traffic.Admitted {
			return refused, ""
		}
		refused++
		if ctx.Err() == nil || last.Kind == "" {
			last = a
		}
		if a = last; ctx.Err() != nil {
			return refused, fmt.Sprintf("still %s after %s: %s", a.Kind, recoveryPatience, firstLine(a.Message))
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func (t *trial) untilDenied(ctx context.Context) error {
	_, err := t.await(ctx, t.probe, traffic.Denied)
	return err
}

// await sends a record until it is answered so.
func (l *live) await(ctx context.Context, rec *capture.Record, want traffic.Kind) (traffic.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, recoveryPatience)
	defer cancel()
	var last traffic.Answer // the one that the deadline did not cut short
	for {
		a := l.sender.Send(ctx, rec, true)
		if a.Kind == want {
			return a, nil
		}
		if ctx.Err() == nil || last.Kind == "" {
			last = a
		}
		if a = last; ctx.Err() != nil {
			return a, fmt.Errorf("%s is %s, not %s, after %s: %s", request(rec), a.Kind, want, recoveryPatience, firstLine(a.Message))
		}
		pause(ctx, 25*time.Millisecond)
	}
}
