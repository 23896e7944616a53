package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/registries"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/registry/registrytest"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/source"
)

// A live Kyverno asks a registry, the replay what was recorded of it.
var _ = Describe("images", func() {
	It("are verified by recorded answers as by their registry", func(ctx SpecContext) {
		reg := registrytest.Start(GinkgoT())
		key, public := registrytest.Key(GinkgoT())
		other, _ := registrytest.Key(GinkgoT())
		reg.Sign("web", reg.Push("web:signed"), key)
		reg.Sign("web", reg.Push("web:other"), other)
		reg.Push("web:unsigned")
		notary := registrytest.NewNotary(GinkgoT(), "")
		reg.Notarise("web", reg.Push("web:notarised"), notary)
		reg.Notarise("web", reg.Push("web:elsewhere"), registrytest.NewNotary(GinkgoT(), ""))
		dir := placed(map[string]string{"$REGISTRY": reg.Host, "$KEY": strconv.Quote(public), "$CERT": strconv.Quote(notary.PEM)})

		set, err := policy.Load(ctx, filepath.Join(dir, "policies.yaml"), policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Problems).To(BeEmpty())
		bare := captured(func(w *capture.Writer, c capture.Cluster) error {
			_, err := source.Manifests(ctx, w, c, []string{filepath.Join(dir, "requests.yaml")}, nil, true)
			return err
		})
		recorded := withAnswers(ctx, bare, reg.Host)

		plan, err := rollout.Make(ctx, rollout.Input{
			Scenario: &scenarios.Scenario{Stages: rollout.CompareStages()}, Capture: recorded, Candidate: set,
			Baseline: func(string) *policy.Set { return policy.FromObjects("none", nil) },
			Equal:    func(a, b policy.Object) bool { return a.Digest == b.Digest },
		})
		Expect(err).NotTo(HaveOccurred())
		counts := map[string]int{}
		all, err := rollout.Compare(ctx, plan, rollout.Options{
			Provider: provider(GinkgoT().TempDir()), Parallel: 1, Workers: 2, Now: time.Now, Engine: kyverno.Options{At: time.Now()},
			Compared: func(_ *capture.Record, part string, _ bool) { counts[part]++ },
		})
		Expect(err).NotTo(HaveOccurred())
		got := all[0]
		Expect(got.Misses).To(BeEmpty())
		Expect(counts["decision"]).To(BeNumerically(">=", 18))
		Expect(counts["message"]).To(BeNumerically(">=", 12))
		Expect(counts["object"]).To(BeNumerically(">=", 5))
	}, NodeTimeout(15*time.Minute))
})

// placed copies testdata/images with values put in the place of names.
func placed(values map[string]string) string {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, name, value)
	}
	put := strings.NewReplacer(pairs...)
	for _, name := range []string{"policies.yaml", "requests.yaml"} {
		content, err := os.ReadFile(filepath.Join("testdata", "images", name))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(dir, name), []byte(put.Replace(string(content))), 0o600)).To(Succeed())
	}
	return dir
}

// withAnswers adds what a registry says of the images of the requests.
func withAnswers(ctx context.Context, c *capture.Capture, host string) *capture.Capture {
	GinkgoHelper()
	asked, err := registries.New(registries.Options{Now: time.Now})
	Expect(err).NotTo(HaveOccurred())
	for _, tag := range []string{"signed", "other", "unsigned", "gone", "notarised", "elsewhere"} {
		Expect(asked.Image(ctx, host+"/web:"+tag)).To(Succeed())
	}
	var objects []capture.WorldObject
	for _, a := range asked.Take() {
		o, err := a.WorldObject("themes")
		Expect(err).NotTo(HaveOccurred())
		objects = append(objects, o)
	}
	out := filepath.Join(GinkgoT().TempDir(), "images.capture")
	_, err = c.WithWorld(ctx, out, map[string][]capture.WorldObject{"themes": objects})
	Expect(err).NotTo(HaveOccurred())
	opened, err := capture.Open(out)
	Expect(err).NotTo(HaveOccurred())
	return opened
}
