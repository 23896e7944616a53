package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/timeline"
)

var _ = Describe("a rehearsal", func() {
	var dir string
	BeforeEach(func() { dir = GinkgoT().TempDir() })

	outcomes := func(l *timeline.Timeline) (out []timeline.Outcome) {
		for _, s := range l.Stages {
			out = append(out, s.Outcome)
		}
		return out
	}
	agreed := func(l *timeline.Timeline) {
		GinkgoHelper()
		Expect(l.Fidelity.Compared).To(BeNumerically(">", 0))
		Expect(l.Fidelity.Misses).To(BeEmpty())
	}

	// during does something to a component of a cluster when a step has ended.
	during := func(step string, do func()) func(timeline.Step) {
		done := false
		return func(s timeline.Step) {
			if !done && strings.Contains(s.Stage+" "+s.What, step) {
				done = true
				do()
			}
		}
	}
	stop := func(ctx context.Context, name string, c cluster.Component) func() {
		return func() {
			member, err := provider(dir).Open(ctx, name)
			Expect(err).NotTo(HaveOccurred())
			Expect(member.Stop(ctx, c)).To(Succeed())
		}
	}

	It("passes stage after stage when nothing is denied, and agrees with the replay", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, clusters: []string{"east", "west"}, scenario: `
stages:
  - {name: audit, candidate: strict, mode: Audit, gate: {denied: 0}}
  - {name: enforce something harmless, candidate: lenient, mode: Enforce, gate: {denied: 0, misses: 0}}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Passed, timeline.Passed}))
		Expect(l.Outcome).To(Equal(timeline.Passed))
		agreed(l)
		Expect(l.Fleet).To(ContainElement(And(HaveField("Policy", "ClusterPolicy require-nothing"), HaveField("Cluster", "west"), HaveField("Mode", "Enforce"), HaveField("Ready", true))))
	})

	It("rolls back when a gate refuses, and does not go on", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, baseline: "lenient", scenario: `
stages:
  - {name: enforce, candidate: strict, mode: Enforce, gate: {denied: 0, otherwise: rollback}}
  - {name: never, candidate: strict, mode: Enforce}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.RolledBack, timeline.Skipped}))
		Expect(l.Stages[0].Traffic[0].Denials).To(ConsistOf(And(HaveField("Policy", "require-team"), HaveField("Count", BeNumerically(">", 0)))))
		Expect(l.Rollback).To(ConsistOf(And(HaveField("Way", "previous"), HaveField("Stage", "enforce"), HaveField("Error", ""), HaveField("Took", BeNumerically(">", 0)))))
		Expect(l.Fleet).To(ConsistOf(HaveField("Policy", "ClusterPolicy require-nothing")), "what was there before is there again")
		agreed(l)
	})

	It("holds when a gate is told to, with the policies in force", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, scenario: `
stages:
  - {name: enforce, candidate: strict, mode: Enforce, gate: {denied: 0}}
  - {name: never, candidate: strict, mode: Enforce}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Held, timeline.Skipped}))
		Expect(l.Fleet).To(ContainElement(HaveField("Policy", "ClusterPolicy require-team")))
	})

	It("asks a person, and holds when nobody answers yes", func(ctx SpecContext) {
		scenario := `
stages:
  - {name: first, candidate: lenient, mode: Enforce, gate: {approve: true}}
  - {name: second, candidate: lenient, mode: Enforce, gate: {approve: true}}
`
		asked := []string{}
		l, err := rehearsal{dir: dir, scenario: scenario, approve: func(_ context.Context, stage string) (bool, error) {
			asked = append(asked, stage)
			return stage == "first", nil
		}}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(asked).To(Equal([]string{"first", "second"}))
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Passed, timeline.Held}))
	})

	It("counts the audit failures that Kyverno reports", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, scenario: `
fleet: {components: [kyverno, kyverno-reports-controller]}
stages:
  - {name: audit, candidate: strict, mode: Audit, soak: 45s, gate: {auditFailures: 0}}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Stages[0].Gate).To(ContainElement(And(HaveField("What", ContainSubstring("PolicyReports")), HaveField("Found", "1"), HaveField("Outcome", timeline.Held))), "one ConfigMap has no label")
	})

	It("does not pass a gate that cannot be measured", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, scenario: `
fleet: {components: [kyverno, kyverno-reports-controller]}
stages:
  - {name: audit, candidate: strict, mode: Audit, gate: {auditFailures: 100}}
`, progress: during("requests sent before", stop(ctx, "east", cluster.KyvernoReports))}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Held}))
		Expect(l.Stages[0].Gate).To(ContainElement(And(HaveField("Found", "unknown"), HaveField("Note", ContainSubstring("no report")))))
	})

	It("overrides a member's mode, limits a stage to namespaces, and lets a member have exceptions", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, clusters: []string{"east", "west"}, scenario: `
stages:
  - name: enforce, but not in the west
    candidate: strict
    mode: Enforce
    overrides: [{clusters: {matchLabels: {name: west}}, mode: Audit}]
  - {name: nothing of it in the east, clusters: {names: [east]}, candidate: strict, mode: Removed, gate: {denied: 0}}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Passed, timeline.Passed}))
		traffic := l.Stages[0].Traffic
		Expect(traffic[0].Denied).To(BeNumerically(">", 0), "east")
		Expect(traffic[1].Denied).To(BeZero(), "west")
		Expect(l.Fleet).To(ConsistOf(And(HaveField("Cluster", "west"), HaveField("Mode", "Audit"))))
		agreed(l)
	})

	It("sends traffic as the captured users", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, scenario: `
stages: [{name: enforce, candidate: users, gate: {misses: 0}}]
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		t := l.Stages[0].Traffic[0]
		Expect(t.Denied).To(Equal(1), "anna's update, not bob's")
		Expect(t.Unjudged).To(ContainElement(And(HaveField("Reason", ContainSubstring("not authorized")), HaveField("Count", 1))), "carl has no rights")
		agreed(l)
	})

	DescribeTable("tries the ways back", func(ctx SpecContext, candidate string) {
		l, err := rehearsal{dir: dir, scenario: `
stages: [{name: enforce, candidate: ` + candidate + `, mode: Enforce}]
rollback: {ways: [audit, delete, previous, exception, failOpen]}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Rollback).To(HaveLen(5))
		for _, b := range l.Rollback {
			Expect(b.Error).To(BeEmpty(), b.Way)
			Expect(b.Took).To(And(BeNumerically(">", 0), BeNumerically("<", 30*time.Second)), b.Way)
			Expect(b.Probe).NotTo(BeEmpty())
		}
		Expect(l.Fleet).To(ContainElement(And(HaveField("Mode", "Enforce"), HaveField("Ready", true))), "the rollout stands as it ended")
	},
		Entry("from a ClusterPolicy", "strict"),
		Entry("from a ValidatingPolicy", "cel"),
		Entry("when nothing captured is denied", "lenient"),
	)

	It("reports a cluster whose API server dies, and neither hangs nor passes", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir, clusters: []string{"east", "west"},
			scenario: "stages: [{name: enforce, candidate: lenient, mode: Enforce}, {name: never, candidate: strict}]",
			progress: during("requests sent before", stop(ctx, "west", cluster.APIServer))}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Outcome).To(Equal(timeline.Failed))
		Expect(outcomes(l)).To(Equal([]timeline.Outcome{timeline.Failed, timeline.Skipped}))
		Expect(l.Steps).To(ContainElement(And(HaveField("What", "cluster lost"), HaveField("Cluster", "west"))))
	}, SpecTimeout(3*time.Minute))

	It("counts webhook errors when Kyverno dies and its policies fail closed", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir,
			scenario: "stages: [{name: enforce, candidate: strict, mode: Enforce}]",
			progress: during("enforce in force", stop(ctx, "east", cluster.Kyverno))}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Stages[0].Traffic[0].Errors).To(BeNumerically(">", 0))
		Expect(l.Stages[0].Outcome).To(Equal(timeline.Held))
		Expect(l.Stages[0].Gate).To(ContainElement(And(HaveField("What", "webhook errors"), HaveField("Outcome", timeline.Held))))
	})

	It("shows as misses what goes through when Kyverno dies and its policies fail open", func(ctx SpecContext) {
		l, err := rehearsal{dir: dir,
			scenario: "stages: [{name: enforce, candidate: failopen, mode: Enforce, gate: {misses: 0}}]",
			progress: during("enforce in force", stop(ctx, "east", cluster.Kyverno))}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Stages[0].Traffic[0].Errors).To(BeZero())
		Expect(l.Fidelity.Misses).NotTo(BeEmpty())
		Expect(l.Fidelity.Misses).To(HaveEach(And(HaveField("Predicted", "denied"), HaveField("Live", "admitted"))))
		Expect(l.Stages[0].Outcome).To(Equal(timeline.Held))
	})

	It("leaves nothing when it is interrupted", func(ctx SpecContext) {
		interrupted, cancel := context.WithCancel(ctx)
		_, err := rehearsal{dir: dir,
			scenario: "stages: [{name: enforce, candidate: strict, mode: Enforce}]",
			progress: during("enforce ClusterPolicy", cancel)}.run(interrupted)
		Expect(errors.Is(err, context.Canceled)).To(BeTrue(), "%v", err)
	})

	It("has the same steps and decisions for the same seed", func(ctx SpecContext) {
		story := func() (steps []string) {
			l, err := rehearsal{dir: dir, clusters: []string{"east", "west"}, scenario: `
seed: 7
traffic: {requests: 5}
stages: [{name: audit, candidate: strict, mode: Audit}, {name: enforce, candidate: strict, mode: Enforce, gate: {denied: 0, otherwise: rollback}}]
`}.run(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, s := range l.Steps {
				steps = append(steps, s.Stage+" "+s.Cluster+" "+s.What+" "+s.Error)
			}
			for _, s := range l.Stages {
				for _, t := range s.Traffic {
					steps = append(steps, s.Name+" "+t.Cluster, string(rune('0'+t.Denied)))
				}
			}
			slices.Sort(steps) // clusters work at the same time
			return steps
		}
		Expect(story()).To(Equal(story()))
	})
})
