package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
)

// gate checks the stage's conditions, all of them, in the order of the file. What could
// not be measured is no pass.
func (r *rehearsal) gate(ctx context.Context, s *Stage, picked []*live, out *timeline.Stage, answers [][]traffic.Answer, misses int) []timeline.Check {
	g := s.Gate
	refuse := timeline.Held
	if g.Otherwise == scenarios.RollBack {
		refuse = timeline.RolledBack
	}
	var checks []timeline.Check
	add := func(what, found, allowed string, ok bool, note string) {
		c := timeline.Check{What: what, Found: found, Allowed: allowed, Outcome: timeline.Passed, Note: note}
		if !ok {
			c.Outcome = refuse
		}
		checks = append(checks, c)
	}
	most := func(what string, found int, limit *int, usual int) {
		if limit == nil {
			if usual < 0 {
				return
			}
			limit = &usual
		}
		add(what, fmt.Sprint(found), fmt.Sprintf("at most %d", *limit), found <= *limit, "")
	}
	sum := totals(out, picked, answers)
	r.readiness(s, out, add)
	if s.Hub != nil {
		r.runEnds(s, add)
	}
	answered := func(what string, found int, limit *int) {
		if limit != nil && sum.answered == 0 {
			add(what, "unknown", fmt.Sprintf("at most %d", *limit), false, "no request was answered")
			return
		}
		most(what, found, limit, -1)
	}
	answered("newly denied requests", sum.denied, g.Denied)
	answered("requests decided otherwise than before the rollout", sum.changed, g.Changed)
	most("webhook errors", sum.errors, g.WebhookErrors, 0)
	if g.AuditFailures != nil {
		n, err := r.auditFailures(ctx, s, picked)
		if err != nil {
			add("audit failures in PolicyReports", "unknown", fmt.Sprintf("at most %d", *g.AuditFailures), false, firstLine(err.Error()))
		} else {
			most("audit failures in PolicyReports", n, g.AuditFailures, -1)
		}
	}
	if g.PredictedDenied != nil || g.PredictedFailing != nil {
		d, f := r.ahead(s)
		most("requests that the next stage would deny, by the replay", d, g.PredictedDenied, -1)
		most("audit failures, by the replay", f, g.PredictedFailing, -1)
	}
	if limit := g.StuckWorkloads; limit != nil {
		n, note, err := r.stuck(ctx)
		if err != nil {
			add("stuck workloads", "unknown", fmt.Sprintf("at most %d", *limit), false, firstLine(err.Error()))
		} else {
			add("stuck workloads", fmt.Sprint(n), fmt.Sprintf("at most %d", *limit), n <= *limit, note)
		}
	}
	if limit := time.Duration(g.LatencyP99); limit > 0 {
		add("latency of 99 in 100 requests", sum.slowest.Round(time.Millisecond).String(), "at most "+limit.String(), sum.slowest > 0 && sum.slowest <= limit, "")
	}
	most("answers that differ from the prediction", misses, g.Misses, -1)
	if g.Approve && !slices.ContainsFunc(checks, func(c timeline.Check) bool { return c.Outcome != timeline.Passed }) {
		found, note := "yes", ""
		ok, err := r.ask(ctx, s.Name)
		if err != nil {
			note = err.Error()
		}
		if !ok {
			found = "no"
		}
		add("approved", found, "yes", ok, note)
		if !ok {
			checks[len(checks)-1].Outcome = timeline.Held // a person who did not answer has not refused
		}
	}
	return checks
}

func (r *rehearsal) ask(ctx context.Context, stage string) (bool, error) {
	if r.Approve == nil {
		return false, fmt.Errorf("nobody could be asked")
	}
	return r.Approve(ctx, stage)
}

// readiness checks that every policy was taken and became ready in time.
func (r *rehearsal) readiness(s *Stage, out *timeline.Stage, add func(what, found, allowed string, ok bool, note string)) {
	limit := time.Duration(s.Gate.Ready)
	if limit == 0 {
		limit = readyPatience
	}
	var faults []string
	slowest := time.Duration(0)
	for _, c := range out.Changes {
		slowest = max(slowest, c.Effective)
		switch {
		case c.Error != "":
			faults = append(faults, c.Cluster+": "+c.Policy+": "+c.Error)
		case c.Effective > limit:
			faults = append(faults, fmt.Sprintf("%s: %s was ready after %s", c.Cluster, c.Policy, c.Effective.Round(time.Millisecond)))
		}
	}
	add("policies ready", fmt.Sprintf("%d of %d", len(out.Changes)-len(faults), len(out.Changes)), "all within "+limit.String(), len(faults) == 0, strings.Join(faults, "; "))
}

// sums is what the clusters of a stage answered, together.
type sums struct {
	denied   int // now, and not before the rollout
	changed  int // admitted before and denied now, or the reverse
	errors   int
	answered int
	slowest  time.Duration // the highest of the clusters' p99
}

// totals adds up what the clusters answered. A request is compared with its own answer
// before the rollout: one that is admitted anew does not make up for one that is denied.
func totals(out *timeline.Stage, picked []*live, answers [][]traffic.Answer) sums {
	var sum sums
	for i, l := range picked {
		for j, a := range answers[i] {
			before := l.before[j].Kind
			if a.Kind == traffic.Denied && before != traffic.Denied {
				sum.denied++
			}
			if a.Kind == traffic.Denied && before == traffic.Admitted || a.Kind == traffic.Admitted && before == traffic.Denied {
				sum.changed++
			}
		}
	}
	for _, t := range out.Traffic {
		sum.errors += t.Errors
		sum.answered += t.Admitted + t.Denied
		sum.slowest = max(sum.slowest, t.Latency.P99)
	}
	return sum
}

// ahead is what the replay says of the next stage, or of this one when it is the last.
func (r *rehearsal) ahead(s *Stage) (denied, failing int) {
	next := r.plan.after(s)
	for _, m := range next.Picked {
		denied += r.foreseen[m][sideOf(next.leaves(m))]
	}
	for _, m := range s.Picked {
		failing += r.predicted[m].failing(m.Records, m.Sets[0], m.Sets[s.Index+1])
	}
	return denied, failing
}

// reports are where Kyverno writes the results of audits and background scans: by its flag
// --openreportsEnabled in one group or in the other.
var reports = []schema.GroupVersionResource{
	{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"},
	{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "clusterpolicyreports"},
	{Group: "openreports.io", Version: "v1alpha1", Resource: "reports"},
	{Group: "openreports.io", Version: "v1alpha1", Resource: "clusterreports"},
}

// auditFailures counts the failures of the stage's policies in the clusters' reports. The
// reports must have been written since the stage began: without any it is an error.
func (r *rehearsal) auditFailures(ctx context.Context, s *Stage, picked []*live) (n int, err error) {
	for _, l := range picked {
		names := map[string]bool{}
		for _, c := range s.Changes[l.Name] {
			if c.object != nil && c.Mode != "" {
				names[c.object.Name] = true
				names[c.object.Namespace+"/"+c.object.Name] = true
			}
		}
		failed, seen, err := reported(ctx, l.client.Dynamic, names)
		if err != nil {
			return 0, err
		}
		if seen == 0 && len(names) > 0 {
			return 0, fmt.Errorf("%s has no report on the stage's policies yet: background scans take up to a minute (hint: a longer soak)", l.Name)
		}
		n += failed
	}
	return n, nil
}

// reported counts the results of policies in the reports of a cluster, whichever it serves.
func reported(ctx context.Context, client dynamic.Interface, policies map[string]bool) (failed, results int, err error) {
	for _, gvr := range reports {
		list, err := client.Resource(gvr).List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		for _, item := range list.Items {
			f, n := countResults(item, policies)
			failed, results = failed+f, results+n
		}
	}
	return failed, results, nil
}

func countResults(report unstructured.Unstructured, policies map[string]bool) (failed, results int) {
	list, _, _ := unstructured.NestedSlice(report.Object, "results")
	for _, x := range list {
		result, _ := x.(map[string]any)
		if p, _ := result["policy"].(string); !policies[p] {
			continue
		}
		results++
		if result["result"] == "fail" {
			failed++
		}
	}
	return failed, results
}

// newlyDenied is the first record that is denied now and was not before the rollout.
func (l *live) newlyDenied(answers []traffic.Answer) *capture.Record {
	for i, a := range answers {
		if a.Kind == traffic.Denied && l.before[i].Kind == traffic.Admitted {
			return l.Records[i]
		}
	}
	return nil
}

// cells is the fleet as it is: every policy on every cluster.
func (r *rehearsal) cells(ctx context.Context) []timeline.Cell {
	var out []timeline.Cell
	for _, l := range r.members {
		if l.dead != "" {
			continue
		}
		for k, o := range r.holds(l) {
			mode := modeOf(o)
			if mode == "" && !changesObjects(o) {
				continue
			}
			cell := timeline.Cell{Policy: k.String(), Cluster: l.Name, Mode: mode, Version: version8(o.Digest)}
			if r.hub != nil {
				came := r.holding(l).came[k]
				cell.Snapshot, cell.Stage, cell.Stale = came.snapshot, came.stage, came.stale
			}
			if u, err := parse(&o); err == nil {
				cell.Ready = l.client.isThere(ctx, u)
			}
			out = append(out, cell)
		}
	}
	slices.SortFunc(out, func(a, b timeline.Cell) int {
		if c := strings.Compare(a.Policy, b.Policy); c != 0 {
			return c
		}
		return r.memberIndex(a.Cluster) - r.memberIndex(b.Cluster)
	})
	return out
}

func (c *client) isThere(ctx context.Context, u *unstructured.Unstructured) bool {
	ri, err := c.Resource(u)
	if err != nil {
		return false
	}
	got, err := ri.Get(ctx, u.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err != nil {
		return false
	}
	return !hasStatus(got) || isReady(got)
}

// reached is the index of the set that a member ended with.
func (r *rehearsal) reached(l *live) int {
	at := 0
	for i, s := range r.line.Stages {
		if s.Outcome == timeline.Passed || s.Outcome == timeline.Held || s.Outcome == timeline.Failed {
			at = i + 1
		}
	}
	return at
}
