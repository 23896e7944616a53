package e2e

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/clustertest"
	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
)

// kindProvider opens a fleet of containers kept in dir.
func kindProvider(dir string) cluster.Provider {
	GinkgoHelper()
	p, err := kind.New(filepath.Join(dir, kind.Kind), binaries.Default(nil), GinkgoWriter.Printf)
	Expect(err).NotTo(HaveOccurred())
	return p
}

// These specs take a Docker engine and run by make test-kind only.
var _ = Describe("kind", Label("kind"), Serial, func() {
	dir := ""
	BeforeEach(OncePerOrdered, func() { dir = GinkgoT().TempDir() })
	clustertest.Contract(func() cluster.Provider { return kindProvider(dir) })
	Context("with Kyverno in pods", func() {
		clustertest.Contract(func() cluster.Provider { return inPods{kindProvider(dir)} })
	})
})

// inPods makes clusters whose Kyverno runs in pods.
type inPods struct{ cluster.Provider }

func (p inPods) Create(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	spec.Kind.InCluster = true
	return p.Provider.Create(ctx, spec)
}

var _ = Describe("a rehearsal on kind clusters", Label("kind"), Serial, func() {
	var dir string
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		before := nodes()
		DeferCleanup(func() { Expect(nodes()).To(ConsistOf(before), "no container is left") })
	})

	It("decides as on embedded clusters: the classic five stages, with Kyverno in pods of one", func(ctx SpecContext) {
		five := rehearsal{file: "testdata/five-stages.yaml", policies: "strict", baseline: "lenient", clusters: []string{"east", "west"}}
		kinds := five
		kinds.dir, kinds.provider = dir, kindProvider
		kinds.fleet = &scenarios.FleetSpec{Clusters: []scenarios.Cluster{
			{Name: "east", Labels: map[string]string{"name": "east"}, Kind: &scenarios.Kind{Kyverno: "cluster"}},
			{Name: "west", Labels: map[string]string{"name": "west"}}}}
		contained, err := kinds.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		five.dir = GinkgoT().TempDir()
		plain, err := five.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(decisions(contained)).To(Equal(decisions(plain)))
		Expect(contained.Stages).To(HaveLen(5))
		Expect(contained.Stages[3].Outcome).To(Equal(timeline.Passed))
		Expect(contained.Stages[4].Outcome).To(Equal(timeline.RolledBack))
		Expect(contained.Rollback).To(HaveEach(HaveField("Error", "")))
		Expect(contained.Fidelity.Compared).To(BeNumerically(">", 0))
		Expect(contained.Fidelity.Misses).To(BeEmpty())
	}, SpecTimeout(20*time.Minute))

	It("decides as on embedded clusters: a staged run from a hub to two members", func(ctx SpecContext) {
		run := rehearsal{file: "testdata/hub/scenario.yaml", clusters: []string{"east", "west"}, approve: yes}
		kinds := run
		kinds.dir, kinds.provider = dir, kindProvider
		contained, err := kinds.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		run.dir = GinkgoT().TempDir()
		plain, err := run.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(decisions(contained)).To(Equal(decisions(plain)))
		Expect(contained.Outcome).To(Equal(timeline.RolledBack))
		Expect(contained.Expected).To(HaveEach(HaveField("Holds", true)))
		Expect(contained.Hub.Compared).To(And(BeNumerically(">", 0), Equal(contained.Hub.Agreed)))
	}, SpecTimeout(20*time.Minute))

	It("joins two members to a hub that is a kind cluster, too, by agents beside them", func(ctx SpecContext) {
		a, err := agents(GinkgoT().TempDir(), "hubagent")
		Expect(err).NotTo(HaveOccurred())
		run := rehearsal{clusters: []string{"east", "west"}, approve: yes, scenario: `
fleet: {components: [kyverno, kube-controller-manager]}
traffic: {requests: 6}
hub:
  objects: after
  from: before
  driver: kubefleet
  patience: 60s
  agents: {hubAgent: ` + a.HubAgent + ", memberAgent: " + a.MemberAgent + ", crds: " + a.CRDs + `}
  gates: {prod: {denied: 0, otherwise: rollback}}
expect:
  - {policy: require-team, mode: Audit, version: before}
  - {run: run-2-back, state: succeeded}
`}
		kinds := run
		kinds.dir, kinds.provider = dir, mixed
		contained, err := kinds.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		run.dir = GinkgoT().TempDir()
		plain, err := run.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(decisions(contained)).To(Equal(decisions(plain)))
		Expect(contained.Expected).To(HaveEach(HaveField("Holds", true)))
	}, SpecTimeout(25*time.Minute))

	It("joins a member to a hub by agents in pods of both, of which the member's stops for a while", func(ctx SpecContext) {
		a, err := agents(GinkgoT().TempDir(), "hubagent")
		Expect(err).NotTo(HaveOccurred())
		images, err := agentsImage(ctx, GinkgoT().TempDir())
		Expect(err).NotTo(HaveOccurred())
		run := rehearsal{clusters: []string{"west"}, approve: yes}
		scenario := func(agents string) string {
			return `
fleet: {components: [kyverno, kube-controller-manager]}
traffic: {requests: 6}
hub:
  objects: after
  from: before
  driver: kubefleet
  patience: 90s
  agents: {` + agents + ", crds: " + a.CRDs + `}
  gates: {prod: {denied: 0, otherwise: rollback}}
faults: [{before: prod, stop: memberAgent, clusters: {names: [west]}, for: 5s}]
expect:
  - {policy: require-team, mode: Audit, version: before}
  - {run: run-2-back, state: succeeded}
`
		}
		kinds := run
		kinds.dir, kinds.provider = dir, kindProvider
		kinds.scenario = scenario("hubManifest: testdata/agents/hub-agent.yaml, memberManifest: testdata/agents/member-agent.yaml, images: [" + images + "]")
		contained, err := kinds.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		run.dir, run.scenario = GinkgoT().TempDir(), scenario("hubAgent: "+a.HubAgent+", memberAgent: "+a.MemberAgent)
		plain, err := run.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(decisions(contained)).To(Equal(decisions(plain)))
		Expect(contained.Outcome).To(Equal(timeline.RolledBack))
		Expect(contained.Faults).To(ConsistOf(HaveField("Error", "")))
		Expect(contained.Expected).To(HaveEach(HaveField("Holds", true)))
		Expect(contained.Hub.Compared).To(And(BeNumerically(">", 0), Equal(contained.Hub.Agreed)))
	}, SpecTimeout(20*time.Minute))

	It("shows the bad night with pods that run, as embedded clusters do", func(ctx SpecContext) {
		contained := twoAM(ctx, rehearsal{dir: dir, provider: kindProvider})
		stuckAndBack(contained)
		plain := twoAM(ctx, rehearsal{dir: GinkgoT().TempDir()})
		Expect(decisions(contained)).To(Equal(decisions(plain)))
	}, SpecTimeout(20*time.Minute))

	It("shows an autoscaler that gets no pods and a drained worker, as embedded clusters do", func(ctx SpecContext) {
		contained := autoscaled(ctx, rehearsal{dir: dir, provider: kindProvider, kind: &scenarios.Kind{Workers: 2}})
		plain := autoscaled(ctx, rehearsal{dir: GinkgoT().TempDir()})
		Expect(decisions(contained)).To(Equal(decisions(plain)))
	}, SpecTimeout(20*time.Minute))

	It("leaves nothing when it is interrupted", func(ctx SpecContext) {
		interrupted, cancel := context.WithCancel(ctx)
		_, err := rehearsal{dir: dir, provider: kindProvider,
			scenario: "stages: [{name: enforce, candidate: strict, mode: Enforce}]",
			progress: func(s timeline.Step) {
				if s.What == "cluster ready" {
					cancel()
				}
			}}.run(interrupted)
		Expect(errors.Is(err, context.Canceled)).To(BeTrue(), "%v", err)
	}, SpecTimeout(10*time.Minute))
})

// mixed is a fleet of both kinds, kind's first.
func mixed(dir string) cluster.Provider { return fleet.Mixed{kindProvider(dir), provider(dir)} }

// nodes are the containers of seatrial's clusters.
func nodes() []string {
	GinkgoHelper()
	out, err := exec.Command("docker", "ps", "--all", "--filter", "name=^seatrial-", "--format", "{{.Names}}").Output()
	Expect(err).NotTo(HaveOccurred())
	return strings.Fields(string(out))
}
