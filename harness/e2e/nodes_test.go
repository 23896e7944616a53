package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/harness/cluster"
)

var _ = Describe("a cluster with nodes", Ordered, func() {
	var c cluster.Cluster
	var client *kubernetes.Clientset
	const nodes = 4

	BeforeAll(func(ctx SpecContext) {
		c = newCluster(ctx, cluster.Spec{Name: "nodes", Nodes: nodes, Components: []cluster.Component{
			cluster.Kyverno, cluster.ControllerManager, cluster.Scheduler, cluster.Kwok}})
		client = kubernetes.NewForConfigOrDie(c.REST())
		apply(ctx, c, "testdata/controllers/nodes.yaml")
	})

	running := func(ctx context.Context, app string) (names []string, on map[string]int) {
		GinkgoHelper()
		pods, err := client.CoreV1().Pods("shop").List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		Expect(err).NotTo(HaveOccurred())
		on = map[string]int{}
		for _, p := range pods.Items {
			if p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil {
				names = append(names, p.Name)
				on[p.Spec.NodeName]++
			}
		}
		return names, on
	}

	It("has them ready when it is", func(ctx SpecContext) {
		all, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(all.Items).To(HaveLen(nodes))
		Expect(all.Items).To(HaveEach(HaveField("Status.Conditions", ContainElement(And(
			HaveField("Type", corev1.NodeReady), HaveField("Status", corev1.ConditionTrue))))))
	})

	It("runs a Deployment's pods", func(ctx SpecContext) {
		Eventually(func(g Gomega) {
			d, err := client.AppsV1().Deployments("shop").Get(ctx, "web", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(d.Status.ReadyReplicas).To(BeEquivalentTo(3))
			g.Expect(d.Status.AvailableReplicas).To(BeEquivalentTo(3))
		}).Should(Succeed())
		names, _ := running(ctx, "web")
		Expect(names).To(HaveLen(3))
	})

	It("runs a DaemonSet's pod on every node", func(ctx SpecContext) {
		Eventually(func() map[string]int { _, on := running(ctx, "agent"); return on }).
			Should(Equal(map[string]int{"node-1": 1, "node-2": 1, "node-3": 1, "node-4": 1}))
	})

	It("starts a StatefulSet's pods one after another", func(ctx SpecContext) {
		Eventually(func() []string { names, _ := running(ctx, "db"); return names }).Should(ConsistOf("db-0", "db-1"))
	})

	It("finishes a Job", func(ctx SpecContext) {
		Eventually(func() int32 {
			j, err := client.BatchV1().Jobs("shop").Get(ctx, "migrate", metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			return j.Status.Succeeded
		}).Should(BeEquivalentTo(1))
	})

	It("rolls a Deployment out, and removes what it had", func(ctx SpecContext) {
		before, _ := running(ctx, "web")
		patch := []byte(`[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.example.com/web:2"}]`)
		_, err := client.AppsV1().Deployments("shop").Patch(ctx, "web", types.JSONPatchType, patch, metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func(g Gomega) {
			pods, err := client.CoreV1().Pods("shop").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(pods.Items).To(HaveLen(3))
			for _, p := range pods.Items {
				g.Expect(before).NotTo(ContainElement(p.Name))
				g.Expect(p.Status.Phase).To(Equal(corev1.PodRunning))
			}
		}).Should(Succeed())
	})

	It("leaves pods waiting while the scheduler is dead, and no longer", func(ctx SpecContext) {
		scale := func(replicas string) {
			GinkgoHelper()
			patch := []byte(`[{"op": "replace", "path": "/spec/replicas", "value": ` + replicas + `}]`)
			_, err := client.AppsV1().StatefulSets("shop").Patch(ctx, "db", types.JSONPatchType, patch, metav1.PatchOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(c.Stop(ctx, cluster.Scheduler)).To(Succeed())
		Expect(c.Status(ctx).Ready).To(BeFalse())
		scale("3")
		Eventually(func() error {
			_, err := client.CoreV1().Pods("shop").Get(ctx, "db-2", metav1.GetOptions{})
			return err
		}).Should(Succeed())
		Expect(c.Start(ctx, cluster.Scheduler)).To(Succeed())
		Expect(c.Status(ctx).Ready).To(BeTrue())
		Eventually(func() []string { names, _ := running(ctx, "db"); return names }).Should(ConsistOf("db-0", "db-1", "db-2"))
		scale("2")
		Eventually(func() []string { names, _ := running(ctx, "db"); return names }).Should(ConsistOf("db-0", "db-1"))
	})

	It("keeps Kyverno out of what nodes do, as in production", func(ctx SpecContext) {
		apply(ctx, c, "testdata/controllers/quay.yaml")
		inForce(ctx, c, 1)
		names, _ := running(ctx, "db")
		Eventually(func() error {
			patch := []byte(`[{"op": "add", "path": "/status/reason", "value": "Meddling"}]`)
			_, err := client.CoreV1().Pods("shop").Patch(ctx, names[0], types.JSONPatchType, patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, "status")
			return err
		}).Should(MatchError(ContainSubstring("hands off")), "the policy is in force")
		Expect(client.CoreV1().Pods("shop").Delete(ctx, names[0], metav1.DeleteOptions{})).To(Succeed())
		Eventually(func() []string { names, _ := running(ctx, "db"); return names }).Should(ConsistOf("db-0", "db-1"))
	})
})
