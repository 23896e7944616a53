package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/timeline"
)

// twoAM rehearses the library's bad night: a policy for pods alone, on a world of two
// Deployments, one of which it would refuse.
func twoAM(ctx context.Context, r rehearsal) *timeline.Timeline {
	GinkgoHelper()
	r.file, r.world, r.policies = "library:two-am", "testdata/two-am", "pods"
	l, err := r.run(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(l.Error).To(BeEmpty())
	return l
}

// stuckAndBack holds what the bad night must show on whatever clusters.
func stuckAndBack(l *timeline.Timeline) {
	GinkgoHelper()
	stage := l.Stages[0]
	Expect(stage.Outcome).To(Equal(timeline.RolledBack))
	Expect(stage.Gate).To(ContainElement(And(
		HaveField("What", "stuck workloads"), HaveField("Found", "1"), HaveField("Outcome", timeline.RolledBack),
		HaveField("Note", And(ContainSubstring("Deployment shop/web"), ContainSubstring("FailedCreate"), ContainSubstring("the label team is required"))),
	)))
	Expect(l.Steps).To(ContainElement(HaveField("What", "restart of 2 Deployments")))
	Expect(l.Steps).To(ContainElement(And(HaveField("What", "2 Deployments have their pods again"), HaveField("Error", ""))))
	Expect(l.Rollback).To(ContainElement(And(HaveField("Way", "previous"), HaveField("Stage", stage.Name), HaveField("Error", ""))))
}

// autoscaled rehearses a night on which an autoscaler wants more pods and a node is drained, under
// the same policy.
func autoscaled(ctx context.Context, r rehearsal) *timeline.Timeline {
	GinkgoHelper()
	r.world = "testdata/autoscaled"
	r.scenario = `
fleet: {components: [kyverno, kube-controller-manager, kube-scheduler, kwok]}
stages:
  - name: enforce while the load rises
    candidate: pods
    mode: Enforce
    soak: 45s
    actions: [{do: scale, names: [web], replicas: 4}, {do: drain}]
    gate: {stuckWorkloads: 0, otherwise: rollback}
`
	l, err := r.run(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(l.Error).To(BeEmpty())
	Expect(l.Stages[0].Gate).To(ContainElement(And(
		HaveField("What", "stuck workloads"), HaveField("Found", "1"), HaveField("Outcome", timeline.RolledBack),
		HaveField("Note", And(MatchRegexp(`Deployment shop/web: [0-2] of 4 pods`), ContainSubstring("FailedCreate"), ContainSubstring("the label team is required"))),
	)), "the autoscaler asks for 4 pods and gets none of the new ones")
	Expect(l.Steps).To(ContainElements(
		HaveField("What", "scale of 1 Deployments, 1 by their autoscalers"), HaveField("What", ContainSubstring("1 nodes drained of")),
		And(HaveField("What", "2 Deployments have their pods again"), HaveField("Error", ""))))
	return l
}

// decisions are what a rehearsal decided and counted, without its times: the same scenario must
// decide the same on clusters of every kind.
func decisions(l *timeline.Timeline) (out []string) {
	for _, s := range l.Stages {
		out = append(out, fmt.Sprintf("stage %s: %s", s.Name, s.Outcome))
		for _, c := range s.Changes {
			out = append(out, fmt.Sprintf("  %s %s %s %s %s", c.Cluster, c.Policy, c.Action, c.Mode, c.Error))
		}
		for _, t := range s.Traffic {
			out = append(out, fmt.Sprintf("  %s sent %d admitted %d denied %d errors %d warned %d", t.Cluster, t.Sent, t.Admitted, t.Denied, t.Errors, t.Warned))
			for _, d := range t.Denials {
				out = append(out, fmt.Sprintf("    %s %d %s", d.Policy, d.Count, d.Sample))
			}
		}
		for _, c := range s.Gate {
			if !strings.HasPrefix(c.What, "latency") {
				out = append(out, fmt.Sprintf("  gate %s: %s of %s: %s", c.What, c.Found, c.Allowed, c.Outcome))
			}
		}
	}
	for _, b := range l.Rollback {
		out = append(out, fmt.Sprintf("back by %s on %s: %q, probe %s", b.Way, b.Cluster, b.Error, b.Probe))
	}
	for _, c := range l.Fleet {
		out = append(out, fmt.Sprintf("holds %s %s %s %v", c.Cluster, c.Policy, c.Mode, c.Ready))
	}
	for _, x := range l.Expected {
		out = append(out, fmt.Sprintf("expected %s: %s, %v", x.What, x.Found, x.Holds))
	}
	if h := l.Hub; h != nil {
		out = append(out, fmt.Sprintf("hub by %s: %d of %d objects as planned, %v", h.Driver, h.Agreed, h.Compared, h.Differences))
		for _, r := range h.Runs {
			out = append(out, fmt.Sprintf("  run %s: %s %s", r.Name, r.State, r.Reason))
		}
	}
	f := l.Fidelity
	out = append(out, fmt.Sprintf("fidelity: %d of %d, %d undecided", f.Agreed, f.Compared, f.Undecided))
	for _, m := range f.Misses {
		out = append(out, fmt.Sprintf("  miss %s %s %s: %s, not %s", m.Stage, m.Cluster, m.Request, m.Live, m.Predicted))
	}
	return out
}

var _ = Describe("what a stage does to workloads", func() {
	It("shows a rollout that is stuck, rolls back, and times the recovery", func(ctx SpecContext) {
		stuckAndBack(twoAM(ctx, rehearsal{dir: GinkgoT().TempDir()}))
	}, SpecTimeout(10*time.Minute))

	It("shows an autoscaler that gets no pods, and a drained node whose pods do not come back", func(ctx SpecContext) {
		autoscaled(ctx, rehearsal{dir: GinkgoT().TempDir()})
	}, SpecTimeout(10*time.Minute))

	It("passes when nothing is stuck: scaled, drained and restarted", func(ctx SpecContext) {
		l, err := rehearsal{dir: GinkgoT().TempDir(), world: "testdata/two-am", scenario: `
fleet: {components: [kyverno, kube-controller-manager, kube-scheduler, kwok]}
stages:
  - name: audit
    candidate: pods
    mode: Audit
    soak: 15s
    actions:
      - {do: scale, names: [web], replicas: 3}
      - {do: drain}
      - {do: restart, first: 1}
    gate: {stuckWorkloads: 0}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Stages[0].Outcome).To(Equal(timeline.Passed), "%v", l.Stages[0].Gate)
		Expect(l.Steps).To(ContainElements(
			HaveField("What", "scale of 1 Deployments"), HaveField("What", ContainSubstring("1 nodes drained of")), HaveField("What", "restart of 1 Deployments")))
	})

	It("does not pass when nothing could be touched", func(ctx SpecContext) {
		l, err := rehearsal{dir: GinkgoT().TempDir(), world: "testdata/two-am", scenario: `
fleet: {components: [kyverno, kube-controller-manager, kube-scheduler, kwok]}
stages:
  - {name: audit, candidate: pods, mode: Audit, actions: [{do: restart, names: [nobody]}], gate: {stuckWorkloads: 0}}
`}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Stages[0].Gate).To(ContainElement(And(HaveField("What", "stuck workloads"), HaveField("Found", "unknown"), HaveField("Outcome", timeline.Held))))
	})
})
