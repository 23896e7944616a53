package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/traffic"
)

// A fleet in the middle of an upgrade. The programs of the older version are not built for
// this: where they are not in the cache the specs are skipped.
var _ = Describe("a fleet of two versions", Ordered, func() {
	older := binaries.KubernetesVersions()[0]
	specs := []cluster.Spec{
		{Name: "today"},
		{Name: "yesterday", KubernetesVersion: older},
		{Name: "nodes", KubernetesVersion: older, Components: []cluster.Component{
			cluster.Kyverno, cluster.ControllerManager, cluster.Scheduler, cluster.Kwok}},
	}
	var today, yesterday, nodes cluster.Cluster

	BeforeAll(func(ctx SpecContext) {
		if missing := binaries.Default(nil).For(older).Missing(embedded.Programs(specs[2])...); len(missing) > 0 {
			Skip(fmt.Sprintf("%v of Kubernetes %s are not built (seatrial fleet prepare --kubernetes %s)", missing, older, older))
		}
		p := provider(GinkgoT().TempDir())
		DeferCleanup(func(ctx context.Context) {
			_, err := fleet.Down(ctx, p)
			Expect(err).NotTo(HaveOccurred())
		})
		all, err := fleet.Up(ctx, p, specs, len(specs), func(s fleet.Started) {
			GinkgoWriter.Printf("%s is ready after %.1f s\n", s.Name(), s.Took.Seconds())
		})
		Expect(err).NotTo(HaveOccurred())
		today, yesterday, nodes = all[0].Cluster, all[1].Cluster, all[2].Cluster
	})

	It("has clusters of the versions that were asked for", func() {
		for c, want := range map[cluster.Cluster]string{today: binaries.KubernetesVersion, yesterday: older, nodes: older} {
			got, err := kubernetes.NewForConfigOrDie(c.REST()).Discovery().ServerVersion()
			Expect(err).NotTo(HaveOccurred())
			Expect(got.GitVersion).To(Equal(want))
			Expect("v" + got.Major + "." + got.Minor + ".").To(Equal(want[:len("v1.36.")]))
			Expect(c.Spec().KubernetesVersion).To(Equal(want))
		}
	})

	It("denies the same", func(ctx SpecContext) {
		const theme = "testdata/fidelity/autogen"
		for _, c := range []cluster.Cluster{today, yesterday} {
			apply(ctx, c, filepath.Join(theme, "policies.yaml"))
			apply(ctx, c, "testdata/versions/world.yaml")
		}
		for _, c := range []cluster.Cluster{today, yesterday} {
			inForce(ctx, c, 2)
			Eventually(func() []string { return denials(ctx, c, filepath.Join(theme, "requests.yaml")) }).Should(Equal([]string{
				"Deployment web: autogen-all, autogen-some",
				"DaemonSet web: autogen-all",
				"Job web: autogen-all",
				"CronJob web: autogen-all, autogen-some",
				"Pod web: autogen-all, autogen-some",
			}), c.Name())
		}
	})

	It("makes the same of objects: what the replay foretells", func(ctx SpecContext) {
		apply(ctx, yesterday, filepath.Join(answersDir, "world.yaml"))
		want, err := os.ReadFile(filepath.Join(answersDir, "answers.json"))
		Expect(err).NotTo(HaveOccurred())
		Expect(admitted(ctx, yesterday)).To(MatchJSON(want))
	})

	It("serves mutating admission policies where they are generally available", func() {
		for c, served := range map[cluster.Cluster]bool{today: true, yesterday: false} {
			list, err := kubernetes.NewForConfigOrDie(c.REST()).Discovery().ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
			Expect(err).NotTo(HaveOccurred())
			have := ContainElement(HaveField("Kind", "MutatingAdmissionPolicy"))
			if !served {
				have = Not(have)
			}
			Expect(list.APIResources).To(have, c.Name())
		}
	})

	It("runs pods on nodes of the older version, by its own controllers", func(ctx SpecContext) {
		apply(ctx, nodes, "testdata/controllers/nodes.yaml")
		client := kubernetes.NewForConfigOrDie(nodes.REST())
		Eventually(func(g Gomega) {
			d, err := client.AppsV1().Deployments("shop").Get(ctx, "web", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(d.Status.AvailableReplicas).To(BeEquivalentTo(3))
		}).Should(Succeed())
		all, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(all.Items).To(HaveLen(cluster.DefaultNodes))
		Expect(all.Items).To(HaveEach(HaveField("Status.NodeInfo.KubeletVersion", older)))
	})
})

// denials are the requests of a file that a cluster denies, with the policies that it names.
func denials(ctx context.Context, c cluster.Cluster, file string) (out []string) {
	GinkgoHelper()
	sender, err := traffic.New(c.REST())
	Expect(err).NotTo(HaveOccurred())
	for rec, err := range manifests(ctx, file).Records() {
		Expect(err).NotTo(HaveOccurred())
		rec.User = rollout.As
		if a := sender.Send(ctx, rec, true); a.Kind == traffic.Denied {
			out = append(out, fmt.Sprintf("%s %s: %s", rec.Kind.Kind, rec.Name, strings.Join(a.Policies, ", ")))
		}
	}
	return out
}
