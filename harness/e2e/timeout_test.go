package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// Whether Kyverno answers in time nobody can foretell; what follows when it does not is
// what the replay's note says of the policies.
var _ = Describe("a webhook that does not answer in time", func() {
	const dir = "testdata/timeout"

	It("refuses or lets through as the replay says", func(ctx SpecContext) {
		set, err := policy.Load(ctx, filepath.Join(dir, "policies.yaml"), policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		requests := manifests(ctx, filepath.Join(dir, "requests.yaml"))
		program, err := kyverno.NewCompiler(kyverno.Options{}).Compile(ctx, set, requests.World("themes"))
		Expect(err).NotTo(HaveOccurred())
		Expect(program.Notes).To(ContainElement(HaveSuffix("does not answer in time: passes (after 1 s)")))

		c := newCluster(ctx, cluster.Spec{Name: "timeout"})
		apply(ctx, c, filepath.Join(dir, "policies.yaml"))
		sender, err := traffic.New(c.REST())
		Expect(err).NotTo(HaveOccurred())
		send := func() map[string]traffic.Answer {
			out := map[string]traffic.Answer{}
			for rec, err := range requests.Records() {
				Expect(err).NotTo(HaveOccurred())
				rec.User = rollout.As
				out[rec.Name] = sender.Send(ctx, rec, true)
			}
			return out
		}
		kinds := func() map[string]traffic.Kind { return kindsOf(send()) }
		denied := map[string]traffic.Kind{"refused": traffic.Denied, "passes": traffic.Denied}
		Eventually(kinds).WithContext(ctx).Should(Equal(denied))

		Expect(syscall.Kill(pidOf(ctx, c), syscall.SIGSTOP)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { _ = syscall.Kill(pidOf(ctx, c), syscall.SIGCONT) })
		// A busy machine stops a process only a while after it is told to.
		var slow map[string]traffic.Answer
		Eventually(func() map[string]traffic.Kind {
			slow = send()
			return kindsOf(slow)
		}).WithContext(ctx).WithTimeout(time.Minute).Should(Equal(map[string]traffic.Kind{
			"passes": traffic.Admitted, "refused": traffic.WebhookError,
		}))
		Expect(strings.ToLower(slow["refused"].Message)).To(Or(ContainSubstring("deadline exceeded"), ContainSubstring("timeout")))
		for name, a := range slow {
			Expect(a.Took).To(BeNumerically(">=", time.Second), name)
		}

		Expect(syscall.Kill(pidOf(ctx, c), syscall.SIGCONT)).To(Succeed())
		Eventually(kinds).WithContext(ctx).WithTimeout(time.Minute).Should(Equal(denied))
	}, SpecTimeout(5*time.Minute))
})

func kindsOf(answers map[string]traffic.Answer) map[string]traffic.Kind {
	out := map[string]traffic.Kind{}
	for name, a := range answers {
		out[name] = a.Kind
	}
	return out
}

// pidOf is Kyverno's process.
func pidOf(ctx SpecContext, c cluster.Cluster) int {
	GinkgoHelper()
	for _, p := range c.Status(ctx).Parts {
		if p.Component == cluster.Kyverno {
			return p.PID
		}
	}
	Fail("Kyverno does not run")
	return 0
}
