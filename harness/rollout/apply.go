package rollout

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// How long is waited for what usually takes less than half a second.
const (
	readyPatience     = 30 * time.Second
	stalledPatience   = 5 * time.Second // once Kyverno makes nothing ready any more
	effectivePatience = 15 * time.Second
	unseenPause       = time.Second // after a change that no captured request can show
)

// notReady is what a change says of a policy that the cluster took, and Kyverno did not.
const notReady = "is not ready after"

// parse is a policy as an object to write, without what another server set.
func parse(o *policy.Object) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(o.JSON, &u.Object); err != nil {
		return nil, err
	}
	return fresh(u), nil
}

// write makes one change and waits until the policy is ready.
func (c *client) write(ctx context.Context, ch *change) {
	start := time.Now()
	ch.Effective = -1
	err := func() error {
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
		put := c.Put
		if ch.object.YAML != "" { // somebody applies it from a file; what was captured has been taken before
			put = c.PutStrictly
		}
		err = put(ctx, o)
		for range 2 { // a busy machine answers late
			if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
				break
			}
			err = put(ctx, o)
		}
		if err != nil {
			return err
		}
		return c.ready(ctx, o)
	}()
	if err != nil {
		ch.Error = firstLine(err.Error())
		return
	}
	ch.Effective = time.Since(start)
}

// ready waits until a policy's status says that it is; kinds without a status are.
func (c *client) ready(ctx context.Context, o *unstructured.Unstructured) error {
	if !hasStatus(o) {
		return nil
	}
	r, err := c.Resource(o)
	if err != nil {
		return err
	}
	patience := cmp.Or(c.patience, readyPatience)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s %s %s", name(o), notReady, patience))
	defer cancel()
	for {
		got, err := r.Get(ctx, o.GetName(), metav1.GetOptions{})
		if err == nil && isReady(got) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(40 * time.Millisecond):
		}
	}
}

func isClassic(o *unstructured.Unstructured) bool {
	return o.GroupVersionKind().Group == "kyverno.io" && (o.GetKind() == "ClusterPolicy" || o.GetKind() == "Policy")
}

func hasStatus(o *unstructured.Unstructured) bool {
	switch o.GroupVersionKind().Group {
	case "kyverno.io":
		return isClassic(o)
	case "policies.kyverno.io":
		switch o.GetKind() {
		case "PolicyException", "DeletingPolicy", "NamespacedDeletingPolicy":
			return false
		}
		return true
	}
	return false
}

// isReady reads the conditions: Ready of classic policies, all of CEL policies but the one
// that tells of the rights of the reports controller, which admission does not wait for.
func isReady(o *unstructured.Unstructured) bool {
	if rules, _, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "rules"); rules == nil && isClassic(o) {
		return true // without rules there is nothing to get ready, and Kyverno says nothing
	}
	conditions, cel, _ := unstructured.NestedSlice(o.Object, "status", "conditionStatus", "conditions")
	if !cel {
		conditions, _, _ = unstructured.NestedSlice(o.Object, "status", "conditions")
	}
	for _, x := range conditions {
		m, _ := x.(map[string]any)
		holds := m["status"] == "True"
		switch {
		case !cel && m["type"] == "Ready":
			return holds
		case cel && !holds && m["type"] != "RBACPermissionsGranted":
			return false
		}
	}
	if !admits(o) {
		return cel && len(conditions) > 0 // it has no webhook to be configured
	}
	return cel && len(conditions) > 1
}

// admits tells whether a policy is for admission.
func admits(o *unstructured.Unstructured) bool {
	on, found, _ := unstructured.NestedBool(o.Object, "spec", "evaluation", "admission", "enabled")
	return on || !found
}

// install brings a cluster from one set to the next and waits until admission answers by
// it: what a policy's status says is no proof, a changed answer is. When ctx ends, a
// comparison gets the changes that were answered.
func (r *rehearsal) install(ctx context.Context, l *live, before, after *policy.Set, changes []change) []timeline.Change {
	out := make([]timeline.Change, len(changes))
	for i := range changes {
		start := time.Now()
		l.client.write(ctx, &changes[i])
		if r.again != nil {
			r.again(ctx, l, &changes[i])
		}
		if r.again != nil && ctx.Err() != nil {
			return out[:i] // this one was not answered
		}
		r.step(start, l.Name, fmt.Sprintf("%s %s%s", changes[i].Policy, changes[i].Action, inMode(changes[i].Mode)), changes[i].Error)
		out[i] = changes[i].Change
	}
	if len(changes) > 0 {
		start := time.Now()
		proofs := r.predicted[l.Member].flips(l.Records, before, after)
		err := l.answersBy(ctx, proofs, r.predicted[l.Member], after)
		r.step(start, l.Name, fmt.Sprintf("in force, seen by %d requests whose answer changes", len(proofs)), err)
	}
	return out
}

func inMode(mode string) string {
	if mode == "" {
		return ""
	}
	return " in " + mode
}

// answersBy waits until every proof is answered as predicted under the set, at most
// effectivePatience in all: a wrong prediction must not hold the rehearsal, it is shown
// as a miss.
func (l *live) answersBy(ctx context.Context, proofs []*capture.Record, pr *prediction, set *policy.Set) string {
	if len(proofs) == 0 {
		pause(ctx, unseenPause)
		return ""
	}
	deadline := time.Now().Add(effectivePatience)
	for _, rec := range proofs {
		want := pr.of(rec, set).admitted()
		for {
			a := l.sender.Send(ctx, rec, true)
			if a.Kind == kindOf(want) || a.Kind == unjudged {
				break
			}
			if time.Now().After(deadline) || ctx.Err() != nil {
				return fmt.Sprintf("%s was not answered as predicted within %s", request(rec), effectivePatience)
			}
			pause(ctx, 25*time.Millisecond)
		}
	}
	return ""
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
