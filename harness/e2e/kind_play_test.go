package e2e

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/cluster/kind/nodeimage"
	"github.com/seatrial/seatrial/harness/fleet"
)

var _ = Describe("a mixed fleet", Label("kind"), Serial, func() {
	It("plays workloads on workers, of two versions of Kubernetes, beside an embedded cluster", func(ctx SpecContext) {
		before := nodes()
		DeferCleanup(func() { Expect(nodes()).To(ConsistOf(before), "no container is left") })
		p := mixed(GinkgoT().TempDir())
		DeferCleanup(func(ctx context.Context) {
			_, err := fleet.Down(ctx, p)
			Expect(err).NotTo(HaveOccurred())
		})
		specs := []cluster.Spec{
			{Name: "pods", Kind: cluster.KindSpec{Workers: 1}},
			{Name: "plain", Provider: embedded.Kind},
		}
		older := binaries.KubernetesVersions()[0]
		if exec.Command("docker", "image", "inspect", nodeimage.Name(older)).Run() == nil {
			specs = append(specs, cluster.Spec{Name: "yesterday", KubernetesVersion: older})
		} else {
			GinkgoWriter.Printf("no cluster of Kubernetes %s: there is no image %s\n", older, nodeimage.Name(older))
		}
		all, err := fleet.Up(ctx, p, specs, 2, nil)
		Expect(err).NotTo(HaveOccurred())
		for _, c := range all {
			if c.Spec().Provider == embedded.Kind {
				continue
			}
			playsWorkloads(ctx, c.Cluster, 1+c.Spec().Kind.Workers)
		}
	}, SpecTimeout(20*time.Minute))
})

// playsWorkloads gives a cluster the workloads of testdata/played and waits until all of them are
// as they would be with their images.
func playsWorkloads(ctx context.Context, c cluster.Cluster, count int) {
	GinkgoHelper()
	client := kubernetes.NewForConfigOrDie(c.REST())
	found, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(found.Items).To(HaveLen(count))
	if v := c.Spec().KubernetesVersion; v != "" {
		Expect(found.Items).To(HaveEach(HaveField("Status.NodeInfo.KubeletVersion", v)))
	}
	player := c.(cluster.WorkloadPlayer)
	for range 2 { // a second time changes nothing
		Expect(player.PlayWorkloads(ctx, []string{"busybox:1.36",
			"registry.example.com/shop/api@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"})).To(Succeed())
	}
	apply(ctx, c, "testdata/played/workloads.yaml")
	Eventually(func(g Gomega) {
		d, err := client.AppsV1().Deployments("default").Get(ctx, "web", metav1.GetOptions{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(d.Status.AvailableReplicas).To(Equal(int32(2)), "%s", states(ctx, client))
		j, err := client.BatchV1().Jobs("default").Get(ctx, "once", metav1.GetOptions{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(j.Status.Succeeded).To(Equal(int32(1)))
	}).WithTimeout(3 * time.Minute).Should(Succeed())
	Consistently(func(g Gomega) { // no probe of life fails, and the cluster's own pods are what they were
		list, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		g.Expect(err).NotTo(HaveOccurred())
		for _, p := range list.Items {
			for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
				g.Expect(p.Namespace != metav1.NamespaceDefault || s.RestartCount == 0).To(BeTrue(), "%s of %s was restarted", s.Name, p.Name)
			}
			if p.Labels["app"] == "web" && count > 1 {
				g.Expect(p.Spec.NodeName).To(HaveSuffix("-worker"))
			}
			if p.Namespace == metav1.NamespaceSystem {
				g.Expect(p.Status.Phase).To(Equal(corev1.PodRunning), p.Name)
			}
		}
	}).WithTimeout(10 * time.Second).WithPolling(time.Second).Should(Succeed())
}

// states says how the pods of workloads are, for a failure's message.
func states(ctx context.Context, client *kubernetes.Clientset) string {
	list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, p := range list.Items {
		for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			lines = append(lines, p.Name+" "+s.Name+" "+s.State.String())
		}
	}
	return strings.Join(lines, "\n")
}
