package render_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// rehearsalOnly is the rehearsal of the fixture rehearsed without the prediction.
func rehearsalOnly(t testing.TB) *reports.Report {
	r := fixture(t, "alone")
	r.Rehearsal = fixture(t, "rehearsed").Rehearsal
	r.Status, r.Headline = reports.BudgetExceeded, "audit-to-enforce rehearsed on 3 clusters: rolled back at stage enforce the fleet"
	return r
}

// rehearsedFleet is a rehearsal of the five stages on so many clusters, with so many misses.
func rehearsedFleet(t testing.TB, clusters, misses int) *reports.Report {
	r := fixture(t, "alone")
	m := &rehearsalMaker{t: &timeline.Timeline{
		Scenario: "audit-to-enforce", Seed: 7, Provider: "embedded", Started: time.Date(2026, 11, 9, 6, 0, 10, 0, time.UTC), Outcome: timeline.RolledBack,
	}}
	for i := range clusters {
		m.cluster(i)
	}
	m.at = 58 * time.Second
	all := m.names(clusters)
	m.stage("one namespace", all[:1], timeline.Passed)
	m.stage("audit one cluster", all[:1], timeline.Passed)
	m.stage("enforce one cluster", all[:1], timeline.Passed)
	m.stage("audit the fleet", all, timeline.Passed)
	m.stage("enforce the fleet", all, timeline.RolledBack)
	for _, way := range []string{"audit", "delete", "previous", "exception", "failOpen"} {
		m.way(way, all)
	}
	for i := range misses {
		m.t.Fidelity.Misses = append(m.t.Fidelity.Misses, timeline.Miss{
			Stage: "enforce the fleet", Cluster: all[i%clusters], Request: fmt.Sprintf("UPDATE Deployment shop/app-%d", i), Predicted: "denied", Live: "admitted", Why: "live: no message",
		})
	}
	m.t.Fidelity.Compared, m.t.Fidelity.Agreed = 64_120, 64_120-misses
	m.t.Took = m.at
	r.Status, r.Headline, r.Rehearsal = reports.BudgetExceeded, fmt.Sprintf("audit-to-enforce rehearsed on %d clusters: rolled back at stage enforce the fleet", clusters), m.t
	return r
}

type rehearsalMaker struct {
	t  *timeline.Timeline
	at time.Duration
}

func (m *rehearsalMaker) names(n int) []string {
	names := make([]string, n)
	for i := range n {
		names[i] = m.t.Clusters[i].Name
	}
	return names
}

func (m *rehearsalMaker) cluster(i int) {
	name := fmt.Sprintf("prod-%s-%d", []string{"eu", "us", "ap"}[i%3], i/3+1)
	ready := 30*time.Second + time.Duration(i)*1300*time.Millisecond
	m.t.Clusters = append(m.t.Clusters, timeline.Cluster{Name: name, Version: "v1.36.3", Ready: ready, Objects: 900 + 31*i})
	m.step("", name, "cluster ready", 0, ready)
	for j, policy := range []string{"ClusterPolicy disallow-privileged", "ClusterPolicy require-team-label", "ClusterPolicy restrict-image-registries", "ValidatingPolicy require-resource-limits"} {
		cell := timeline.Cell{Policy: policy, Cluster: name, Mode: "Audit", Version: fmt.Sprintf("9c41e%02d", j), Ready: i != 13 || j != 2}
		if i%9 == 4 && j > 1 {
			cell.Mode, cell.Version = "Enforce", "77ab01f"
		}
		m.t.Fleet = append(m.t.Fleet, cell)
	}
}

func (m *rehearsalMaker) step(stage, cluster, what string, at, took time.Duration) {
	m.t.Steps = append(m.t.Steps, timeline.Step{At: at, Took: took, Stage: stage, Cluster: cluster, What: what})
}

func (m *rehearsalMaker) stage(name string, clusters []string, outcome timeline.Outcome) {
	took := 9*time.Second + time.Duration(len(clusters))*900*time.Millisecond
	s := timeline.Stage{Name: name, Index: len(m.t.Stages), Clusters: clusters, Mode: "Enforce", Start: m.at, Took: took, Outcome: outcome}
	for i, c := range clusters {
		m.step(name, c, "ClusterPolicy restrict-image-registries updated in Enforce", m.at+time.Duration(i)*50*time.Millisecond, 300*time.Millisecond)
		m.step(name, c, "412 requests sent", m.at+time.Second, took-3*time.Second)
		one := timeline.Traffic{Cluster: c, Sent: 412, Admitted: 412, Rate: 40 + float64(i), Latency: latency(4+i, 10+i, 20+i), Without: latency(3, 7, 13)}
		if outcome == timeline.RolledBack && i%4 == 1 {
			one.Denied, one.Admitted = 3*i, 412-3*i
			m.step(name, c, "rolled back to the previous policies", m.at+took-time.Second, 700*time.Millisecond)
		}
		s.Traffic = append(s.Traffic, one)
	}
	number := map[timeline.Outcome]string{timeline.Passed: "0", timeline.RolledBack: "135"}
	s.Gate = []timeline.Check{{What: "denied requests", Found: number[outcome], Allowed: "at most 0", Outcome: outcome}, {What: "policies ready", Found: "all", Allowed: "all", Outcome: timeline.Passed}}
	m.step(name, "", "gate: "+string(outcome), m.at+took-1500*time.Millisecond, 100*time.Millisecond)
	m.t.Stages = append(m.t.Stages, s)
	m.at += took + time.Second
}

func latency(p50, p95, p99 int) timeline.Latency {
	return timeline.Latency{P50: time.Duration(p50) * time.Millisecond, P95: time.Duration(p95) * time.Millisecond, P99: time.Duration(p99) * time.Millisecond}
}

func (m *rehearsalMaker) way(way string, clusters []string) {
	for i, c := range clusters {
		took := time.Duration(150+len(way)*40+i*17) * time.Millisecond
		m.t.Rollback = append(m.t.Rollback, timeline.Rollback{Way: way, Cluster: c, Took: took, Probe: "CREATE Deployment shop/cart", Requests: 2, Note: "what " + way + " costs"})
		m.step("", c, "way back: "+way, m.at, took)
	}
	m.at += 2 * time.Second
}

// manyTimes is t with 128 of everything.
func manyTimes(t *timeline.Timeline) *timeline.Timeline {
	out := *t
	for range 7 {
		out.Clusters = append(out.Clusters, out.Clusters...)
		out.Stages = append(out.Stages, out.Stages...)
		out.Rollback = append(out.Rollback, out.Rollback...)
		out.Fleet = append(out.Fleet, out.Fleet...)
		out.Steps = append(out.Steps, out.Steps...)
		out.Fidelity.Misses = append(out.Fidelity.Misses, out.Fidelity.Misses...)
		out.Fidelity.Unjudged = append(out.Fidelity.Unjudged, out.Fidelity.Unjudged...)
	}
	return &out
}
