package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// hubInput reads the hub that a scenario names from testdata/hub.
func hubInput(ctx context.Context, s *scenarios.Scenario) rollout.HubInput {
	GinkgoHelper()
	load := func(ctx context.Context, name string) (hub.State, error) {
		set, err := policy.LoadObjects(ctx, filepath.Join("testdata", "hub", name), policy.Options{})
		if err != nil {
			return nil, err
		}
		return append(set.Objects, set.Others...), nil
	}
	h := rollout.HubInput{
		Objects: s.Hub.Objects, From: s.Hub.From, Load: load,
		Options: placement.Options{KubeFleet: placement.Release(s.Hub.KubeFleet), At: time.Now()},
		Driver:  func(p cluster.Provider) (hub.Driver, error) { return hub.New(s.Hub, p, GinkgoWriter.Printf) },
	}
	var err error
	h.After, err = load(ctx, s.Hub.Objects)
	Expect(err).NotTo(HaveOccurred())
	if s.Hub.From != "" {
		h.Before, err = load(ctx, s.Hub.From)
		Expect(err).NotTo(HaveOccurred())
	}
	return h
}

// yes approves everything.
func yes(context.Context, string) (bool, error) { return true, nil }

var _ = Describe("a rehearsal from a hub", func() {
	var dir string
	BeforeEach(func() { dir = GinkgoT().TempDir() })

	outcomes := func(l *timeline.Timeline) (out []timeline.Outcome) {
		for _, s := range l.Stages {
			out = append(out, s.Outcome)
		}
		return out
	}
	// holds is that everything that was expected is true, and that live and predicted answers
	// agree.
	holds := func(l *timeline.Timeline) {
		GinkgoHelper()
		Expect(l.Expected).NotTo(BeEmpty())
		Expect(l.Expected).To(HaveEach(HaveField("Holds", true)))
		Expect(l.Fidelity.Compared).To(BeNumerically(">", 0))
		Expect(l.Fidelity.Misses).To(BeEmpty())
	}

	It("approves the canary, refuses the second stage and takes the fleet back by a run of the snapshot before", func(ctx SpecContext) {
		content, err := os.ReadFile("testdata/hub/scenario.yaml")
		Expect(err).NotTo(HaveOccurred())
		_, scenario, _ := strings.Cut(string(content), "way back.\n")
		asked := []string{}
		l, err := rehearsal{dir: dir, clusters: []string{"east", "west"}, scenario: scenario, approve: func(_ context.Context, stage string) (bool, error) {
			asked = append(asked, stage)
			return true, nil
		}}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(asked).To(Equal([]string{"stage canary of run-2"}))
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Passed, timeline.RolledBack}))
		holds(l)
		Expect(l.Steps).To(ContainElement(HaveField("What", "hub: approve run-2/canary")))
		Expect(l.Stages[1].Traffic[0].Denied).To(BeNumerically(">", 0))
		Expect(l.Rollback).To(ConsistOf(
			And(HaveField("Cluster", "east"), HaveField("Way", "index"), HaveField("Error", "")),
			And(HaveField("Cluster", "west"), HaveField("Way", "index"), HaveField("Error", ""), HaveField("Probe", Not(BeEmpty()))),
		))
		Expect(l.Hub.Differences).To(BeEmpty())
		Expect(l.Hub.Compared).To(Equal(l.Hub.Agreed))
		Expect(l.Fleet).To(HaveEach(And(HaveField("Mode", "Audit"), HaveField("Snapshot", "policies 0"), HaveField("Stage", ContainSubstring("way back")))))
	}, SpecTimeout(3*time.Minute))

	// Two members; what a fault does to the staged run from before to after.
	DescribeTable("with a fault", func(ctx SpecContext, patience, scenario string, want []timeline.Outcome) {
		clusters := []string{"east", "west"}
		if strings.Contains(scenario, "north") {
			clusters = append(clusters, "north")
		}
		hub := "hub: {objects: after, from: before"
		if strings.Contains(scenario, "@") {
			hub = "hub: {objects: rolling, from: rolling-before, compress: 60"
		}
		l, err := rehearsal{dir: dir, clusters: clusters, approve: yes,
			scenario: "traffic: {requests: 6}\n" + hub + ", patience: " + patience + ", gate: {webhookErrors: 100}}\n" + scenario}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(outcomes(l)).To(Equal(want))
		holds(l)
		Expect(l.Faults).To(HaveEach(HaveField("Error", "")))
		Expect(l.Faults).To(HaveLen(strings.Count(scenario, "{before:") + strings.Count(scenario, "{after:") + strings.Count(scenario, "{event:")))
		if strings.Contains(scenario, "event:") {
			Expect(l.Hub.Compared).To(BeNumerically(">", 0))
			Expect(l.Hub.Differences).To(BeEmpty())
		}
	},
		Entry("that is over in time: the member's API server and the hub come back, and the rollout goes on", "90s", `
faults:
  - {before: canary, stop: hub, for: 1s}
  - {before: prod, stop: memberAPI, clusters: {names: [west]}, for: 1s}
expect:
  - {policy: require-team, mode: Enforce, version: prod, clusters: {names: [west]}}
  - {policy: require-team, mode: Audit, version: canary, clusters: {names: [east]}}
  - {run: run-2, state: succeeded}
  - {outcome: passed}
`, []timeline.Outcome{timeline.Passed, timeline.Passed}),
		Entry("that lasts: Kyverno is down on a member, which refuses the policy's own update", "3s", `
faults: [{before: prod, stop: kyverno, clusters: {matchLabels: {name: west}}, draw: 1}]
expect:
  - {policy: require-team, mode: Audit, version: before, clusters: {names: [west]}}
  - {run: run-2, state: running}
  - {outcome: held}
`, []timeline.Outcome{timeline.Passed, timeline.Held}),
		Entry("that lasts: the agent of a member is down", "3s", `
faults: [{before: canary, stop: memberAgent, clusters: {names: [east]}}]
expect:
  - {policy: require-team, version: before}
  - {run: run-2, state: running}
  - {outcome: held}
`, []timeline.Outcome{timeline.Held, timeline.Skipped}),
		Entry("an override that fails on one member", "3s", `
faults: [{before: canary, apply: faults/breaks-west.yaml}]
expect:
  - {policy: require-team, version: before, clusters: {names: [west]}}
  - {policy: require-team, version: canary, clusters: {names: [east]}}
  - {run: run-2, state: running}
`, []timeline.Outcome{timeline.Passed, timeline.Held}),
		Entry("a member that is relabelled mid-run, which ends the run", "3s", `
faults: [{after: canary, event: west label name=east}]
expect:
  - {policy: require-team, version: before, clusters: {names: [west]}}
  - {run: run-2, state: failed}
  - {outcome: held}
`, []timeline.Outcome{timeline.Passed, timeline.Passed, timeline.Held}),
		Entry("a member that leaves mid-run, which ends the run: it keeps what it has", "3s", `
faults: [{after: canary, event: west leaves}]
expect:
  - {policy: require-team, version: before, clusters: {names: [west]}}
  - {policy: require-team, version: canary, clusters: {names: [east]}}
  - {run: run-2, state: failed}
  - {outcome: held}
`, []timeline.Outcome{timeline.Passed, timeline.Held}),
		Entry("a member that joins mid-run, which ends the run: it gets nothing before the next one", "3s", `
faults: [{after: canary, event: north joins}]
expect:
  - {policy: require-team, absent: true, clusters: {names: [north]}}
  - {policy: require-team, version: before, clusters: {names: [west]}}
  - {run: run-2, state: failed}
  - {outcome: held}
`, []timeline.Outcome{timeline.Passed, timeline.Passed, timeline.Held}),
		Entry("at its time, amid a rolling update: a member relabelled gets its new override with its wave, one that joins gets all at once", "30s", `
faults: [{event: west label name=east @30s}, {event: north joins @45s}]
expect:
  - {policy: require-team, mode: Audit, version: "wave 3 of 3", clusters: {names: [west]}}
  - {policy: require-team, mode: Enforce, clusters: {names: [north]}}
  - {policy: require-team, mode: Audit, version: "wave 1 of 3", clusters: {names: [east]}}
  - {outcome: passed}
`, []timeline.Outcome{timeline.Passed, timeline.Passed, timeline.Passed, timeline.Passed}),
		Entry("at its time, amid a rolling update: a member that leaves keeps the old version", "30s", `
faults: [{event: west leaves @30s}]
expect:
  - {policy: require-team, mode: Audit, version: before, clusters: {names: [west]}}
  - {outcome: passed}
`, []timeline.Outcome{timeline.Passed, timeline.Passed}),
		Entry("another run that takes the canary back", "3s", `
faults: [{after: canary, apply: faults/preempts.yaml}]
expect:
  - {policy: require-team, version: before, clusters: {names: [east]}}
  - {policy: require-team, version: prod, clusters: {names: [west]}}
  - {run: run-3, state: succeeded}
`, []timeline.Outcome{timeline.Passed, timeline.Passed, timeline.Passed, timeline.Passed}),
	)

	It("fails an expectation that is not true", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, scenario: `
hub: {objects: before, gate: {}}
expect: [{policy: require-team, mode: Enforce}, {policy: require-team, absent: true}, {denied: 1}, {run: run-1, state: failed}]
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Outcome).To(Equal(timeline.Passed))
		Expect(l.Expected).To(HaveLen(4))
		Expect(l.Expected).To(HaveEach(HaveField("Holds", false)))
	}, SpecTimeout(3*time.Minute))

	// drives is a rehearsal by stand-ins of KubeFleet's agents, and the processes it left.
	drives := func(ctx context.Context, hubAgent, gates string) *timeline.Timeline {
		GinkgoHelper()
		a, err := agents(GinkgoT().TempDir(), hubAgent)
		Expect(err).NotTo(HaveOccurred())
		l, err := rehearsal{dir: dir, clusters: []string{"east", "west"}, approve: yes, scenario: `
fleet: {components: [kyverno, kube-controller-manager]}
traffic: {requests: 6}
hub:
  objects: after
  from: before
  driver: kubefleet
  patience: 10s
  agents: {hubAgent: ` + a.HubAgent + ", memberAgent: " + a.MemberAgent + ", crds: " + a.CRDs + "}\n" + gates}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		return l
	}

	It("drives KubeFleet's agents: members join, gates approve, a refusal starts a run of the snapshot before", func(ctx SpecContext) {
		l := drives(ctx, "hubagent", `
  gates: {prod: {denied: 0, otherwise: rollback}}
expect:
  - {policy: require-team, mode: Audit, version: before}
  - {run: run-1, state: succeeded}
  - {run: run-2-back, state: succeeded}
  - {outcome: rolled back}
`)
		Expect(l.Hub.Driver).To(Equal("kubefleet"))
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Passed, timeline.RolledBack}))
		holds(l)
		Expect(l.Hub.Differences).To(BeEmpty())
		Expect(l.Steps).To(ContainElement(HaveField("What", "3 scheduling decisions compared with the plan")))
	}, SpecTimeout(6*time.Minute))

	It("shows where agents bring something else than the plan says", func(ctx SpecContext) {
		l := drives(ctx, "hubagent-deaf", "")
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Held, timeline.Skipped}))
		Expect(l.Hub.Differences).To(ContainElement(And(HaveField("Cluster", "east"), HaveField("Object", "ClusterPolicy require-team"),
			HaveField("Planned", ContainSubstring("Audit")), HaveField("Live", ContainSubstring("Enforce")))))
	}, SpecTimeout(6*time.Minute))

	It("says what is missing when no agents are given", func(ctx SpecContext) {
		_, err := hub.New(&scenarios.Hub{Driver: scenarios.KubeFleet}, provider(dir), nil)
		Expect(err).To(MatchError(hub.ErrNoAgents))
		Expect(err).To(MatchError(ContainSubstring("docs/kubefleet-agents.md")))
	})
})
