package e2e

import (
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

var _ = Describe("what stands", func() {
	const dir = "testdata/standing"

	It("is asked about as the update to itself where it is, as the creation where it is not, and its pods are", func(ctx SpecContext) {
		set, err := policy.Load(ctx, filepath.Join(dir, "policies.yaml"), policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		plan := comparing(ctx, rollout.Input{Capture: manifests(ctx, filepath.Join(dir, "cluster.yaml")), Candidate: set})
		compared := map[string][]string{}
		all, err := rollout.Compare(ctx, plan, rollout.Options{
			Provider: provider(GinkgoT().TempDir()), Parallel: 2, Workers: 2, Now: time.Now, Engine: kyverno.Options{At: time.Now()},
			Compared: func(rec *capture.Record, part string, _ bool) {
				compared[part] = append(compared[part], strings.TrimSuffix(string(rec.Operation)+" "+rec.Kind.Kind+" "+rec.Name, " "))
			},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(all[0].Misses).To(BeEmpty())
		Expect(all[0].Unjudged).To(BeEmpty())
		Expect(all[0].Clusters).To(HaveLen(2))
		Expect(compared["message"]).To(ConsistOf(
			"CREATE Deployment web", "CREATE Service web", "CREATE ConfigMap settings", "CREATE Secret key", "CREATE Widget w",
			"CREATE Pod web-5d4f-abcde", "CREATE Pod", "CREATE Pod", "CREATE Job once", "CREATE Job nightly-29000000", "UPDATE Deployment web", "UPDATE Pod web-5d4f-abcde", "UPDATE ConfigMap settings", "UPDATE Secret key"))
		Expect(compared["object"]).To(ContainElements("UPDATE Service web", "UPDATE Widget w", "UPDATE Job once", "CREATE CronJob nightly"))
		Expect(compared["warnings"]).To(ContainElements("UPDATE Deployment web", "UPDATE Secret key", "UPDATE Namespace standing", "UPDATE CronJob nightly", "CREATE Pod"))
	}, SpecTimeout(5*time.Minute))
})
