package e2e

import (
	"context"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	replay "github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/source"
)

// Kyverno's reports controller writes its results in another group where its flag says so.
var _ = Describe("reports of openreports.io", func() {
	It("hold the results that are foretold", func(ctx SpecContext) {
		const dir = "testdata/afterwards"
		file := func(name string) string { return filepath.Join(dir, name) }
		c := newCluster(ctx, cluster.Spec{Name: "openreports", Components: []cluster.Component{cluster.Kyverno}})
		apply(ctx, c, file("openreports.yaml"))
		apply(ctx, c, file("world.yaml"))
		Eventually(func() error {
			_, err := dynamic.NewForConfigOrDie(c.REST()).Resource(openReports).List(ctx, metav1.ListOptions{})
			return err
		}).Should(Succeed())
		apply(ctx, c, file("policies.yaml"))
		inForce(ctx, c, 8)
		reportsController(ctx, c, "--openreportsEnabled=true")

		world := captured(func(w *capture.Writer, k capture.Cluster) error {
			_, err := source.Manifests(ctx, w, k, []string{file("world.yaml")}, nil, true)
			return err
		})
		set, err := policy.Load(ctx, file("policies.yaml"), policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		compiler := replay.NewCompiler(replay.Options{At: time.Now()})
		program, err := compiler.Compile(ctx, set, world.World("themes"))
		Expect(err).NotTo(HaveOccurred())
		engine, err := compiler.Engine(world.World("themes"), rollout.As, program)
		Expect(err).NotTo(HaveOccurred())
		foretold := scanned(ctx, engine, world)
		Expect(foretold).To(HaveLen(5))
		Eventually(func() map[string][]string { return reported(ctx, c, openReports) }).
			WithTimeout(100 * time.Second).WithPolling(time.Second).Should(Equal(foretold))
		Expect(reported(ctx, c, policyReports)).To(BeEmpty())
	}, NodeTimeout(6*time.Minute))
})

// reportsController runs the controller beside a cluster that has none, with flags of its own.
func reportsController(ctx context.Context, c cluster.Cluster, flags ...string) {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	content, err := c.Kubeconfig()
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.Load(content)
	Expect(err).NotTo(HaveOccurred())
	for _, user := range config.AuthInfos {
		user.Impersonate = kyverno.User(cluster.KyvernoReports)
	}
	path := filepath.Join(dir, "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	programs, err := binaries.Default(nil).Get(ctx, binaries.Reports)
	Expect(err).NotTo(HaveOccurred())
	p := &process.Process{Name: "reports", Log: filepath.Join(dir, "log")}
	host := kyverno.Host{Component: cluster.KyvernoReports, Program: programs[binaries.Reports], Kubeconfig: path, Dir: dir, Address: "127.0.0.1"}
	Expect(host.Describe(p)).To(Succeed())
	p.Args = append(p.Args, flags...)
	Expect(p.Start(dir)).To(Succeed())
	DeferCleanup(func(ctx context.Context) {
		if CurrentSpecReport().Failed() {
			tail, _ := os.ReadFile(p.Log)
			GinkgoWriter.Printf("%s\n", tail[max(0, len(tail)-4000):])
		}
		Expect(p.Stop(ctx, 10*time.Second)).To(Succeed())
	})
}
