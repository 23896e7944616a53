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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/clustertest"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/harness/cluster/kind/nodeimage"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/timeline"
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
})

var _ = Describe("a rehearsal on kind clusters", Label("kind"), Serial, func() {
	var dir string
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		before := nodes()
		DeferCleanup(func() { Expect(nodes()).To(ConsistOf(before), "no container is left") })
	})

	It("decides as on embedded clusters: the classic five stages", func(ctx SpecContext) {
		five := rehearsal{file: "library:audit-to-enforce", policies: "strict", baseline: "lenient", clusters: []string{"east", "west"}}
		five.dir, five.provider = dir, kindProvider
		contained, err := five.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		five.dir, five.provider = GinkgoT().TempDir(), nil
		plain, err := five.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(decisions(contained)).To(Equal(decisions(plain)))
		Expect(contained.Stages).To(HaveLen(5))
		Expect(contained.Fidelity.Compared).To(BeNumerically(">", 0))
		Expect(contained.Fidelity.Misses).To(BeEmpty())
	}, SpecTimeout(20*time.Minute))

	It("shows the bad night with pods that run, as embedded clusters do", func(ctx SpecContext) {
		contained := twoAM(ctx, rehearsal{dir: dir, provider: kindProvider})
		stuckAndBack(contained)
		plain := twoAM(ctx, rehearsal{dir: GinkgoT().TempDir()})
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

	It("runs pods on workers, beside an embedded cluster of the same fleet", func(ctx SpecContext) {
		p := mixed(dir)
		DeferCleanup(func(ctx context.Context) {
			_, err := fleet.Down(ctx, p)
			Expect(err).NotTo(HaveOccurred())
		})
		all, err := fleet.Up(ctx, p, []cluster.Spec{
			{Name: "pods", Kind: cluster.KindSpec{Workers: 1}},
			{Name: "plain", Provider: embedded.Kind},
		}, 2, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(p.List(ctx)).To(Equal([]string{"plain", "pods"}))
		client := kubernetes.NewForConfigOrDie(all[0].REST())
		found, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Items).To(HaveLen(2))
		image := pause(ctx, client)
		if exec.Command("docker", "image", "inspect", nodeimage.Default).Run() == nil { // nodes without a registry
			image = "registry.example.com/played:1"
			Expect(all[0].Cluster.(cluster.ImagePlayer).PlayImages(ctx, []string{image})).To(Succeed())
		}
		Eventually(func(g Gomega) { // on the worker: the control plane's node takes none
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one", Namespace: "default"},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "pause", Image: image}}}}
			_, err := client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
			if err != nil {
				g.Expect(err).To(MatchError(ContainSubstring("already exists")))
			}
			got, err := client.CoreV1().Pods("default").Get(ctx, "one", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.Status.Phase).To(Equal(corev1.PodRunning))
			g.Expect(got.Spec.NodeName).To(HaveSuffix("-worker"))
		}).WithTimeout(2 * time.Minute).Should(Succeed())
	}, SpecTimeout(15*time.Minute))
})

// mixed is a fleet of both kinds, kind's first.
func mixed(dir string) cluster.Provider { return fleet.Mixed{kindProvider(dir), provider(dir)} }

// pause is the image that a node runs in every pod.
func pause(ctx context.Context, client *kubernetes.Clientset) string {
	GinkgoHelper()
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	for _, n := range list.Items {
		for _, i := range n.Status.Images {
			for _, name := range i.Names {
				if strings.Contains(name, "/pause:") {
					return name
				}
			}
		}
	}
	return "registry.k8s.io/pause:3.10"
}

// nodes are the containers of seatrial's clusters.
func nodes() []string {
	GinkgoHelper()
	out, err := exec.Command("docker", "ps", "--all", "--filter", "name=^seatrial-", "--format", "{{.Names}}").Output()
	Expect(err).NotTo(HaveOccurred())
	return strings.Fields(string(out))
}
