package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// The specs share one cluster, and those that take longest come last: the clock that they
// wait for runs from the start.
var _ = Describe("controllers", Ordered, func() {
	var c cluster.Cluster
	var client *kubernetes.Clientset

	BeforeAll(func(ctx SpecContext) {
		c = newCluster(ctx, cluster.Spec{Name: "controllers", Components: []cluster.Component{
			cluster.Kyverno, cluster.ControllerManager, cluster.KyvernoBackground, cluster.KyvernoReports, cluster.KyvernoCleanup}})
		client = kubernetes.NewForConfigOrDie(c.REST())
		apply(ctx, c, "testdata/controllers/policies.yaml")
		inForce(ctx, c, 4)
		apply(ctx, c, "testdata/controllers/shop.yaml")
	})

	// pods are those of an app in the namespace shop.
	pods := func(ctx context.Context, app string) []corev1.Pod {
		GinkgoHelper()
		l, err := client.CoreV1().Pods("shop").List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		Expect(err).NotTo(HaveOccurred())
		return l.Items
	}
	madeBy := func(controller string) gomegatypes.GomegaMatcher {
		return HaveField("Annotations", HaveKeyWithValue("made-by", "system:serviceaccount:kube-system:"+controller))
	}
	ownedBy := func(kind, name string) gomegatypes.GomegaMatcher {
		return HaveField("OwnerReferences", ConsistOf(And(HaveField("Kind", kind), HaveField("Name", HavePrefix(name)))))
	}

	It("makes a Deployment's ReplicaSet and pods, as the controllers' own users", func(ctx SpecContext) {
		Eventually(func() []corev1.Pod { return pods(ctx, "web") }).Should(HaveLen(2))
		Expect(pods(ctx, "web")).To(HaveEach(And(madeBy("replicaset-controller"), ownedBy("ReplicaSet", "web-"),
			HaveField("Status.Phase", corev1.PodPending), HaveField("Spec.NodeName", ""))), "there are no nodes")
		sets, err := client.AppsV1().ReplicaSets("shop").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		Expect(err).NotTo(HaveOccurred())
		Expect(sets.Items).To(ConsistOf(ownedBy("Deployment", "web")))
	})

	It("makes the pods of StatefulSets and Jobs", func(ctx SpecContext) {
		Eventually(func() []corev1.Pod { return pods(ctx, "db") }).Should(ConsistOf(And(madeBy("statefulset-controller"), HaveField("Name", "db-0"))))
		Eventually(func() []corev1.Pod { return pods(ctx, "migrate") }).Should(ConsistOf(And(madeBy("job-controller"), ownedBy("Job", "migrate"))))
	})

	It("shows denied pods as events of their ReplicaSet, in Kyverno's words", func(ctx SpecContext) {
		Eventually(func() []corev1.Event {
			events, err := client.CoreV1().Events("shop").List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
			Expect(err).NotTo(HaveOccurred())
			return events.Items
		}).Should(ContainElement(And(
			HaveField("InvolvedObject.Kind", "ReplicaSet"), HaveField("InvolvedObject.Name", HavePrefix("barge-")),
			HaveField("Message", And(ContainSubstring("validate.kyverno.svc-fail"), ContainSubstring("no-barges"), ContainSubstring("barges stay in port"))))))
		Expect(pods(ctx, "barge")).To(BeEmpty())
		d, err := client.AppsV1().Deployments("shop").Get(ctx, "barge", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(d.Status.Conditions).To(ContainElement(And(HaveField("Type", BeEquivalentTo("ReplicaFailure")), HaveField("Message", ContainSubstring("barges stay in port")))))
	})

	It("makes pods of what policies leave of their templates, or is refused them, as the replay says", func(ctx SpecContext) {
		const policies, workloads = "testdata/controllers/yard-policies.yaml", "testdata/controllers/yard.yaml"
		set, err := policy.Load(ctx, policies, policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		requests := manifests(ctx, workloads)
		compiler := kyverno.NewCompiler(kyverno.Options{})
		program, err := compiler.Compile(ctx, set, requests.World("themes"))
		Expect(err).NotTo(HaveOccurred())
		engine, err := compiler.Engine(requests.World("themes"), rollout.As, program)
		Expect(err).NotTo(HaveOccurred())
		foretold := map[string]bool{} // is there a pod, by its app
		var claim corev1.PersistentVolumeClaim
		for rec, err := range replay.Templates(requests.Records) {
			Expect(err).NotTo(HaveOccurred())
			sides, err := engine.Judge(ctx, rec)
			Expect(err).NotTo(HaveOccurred())
			if rec.TemplateOf == nil {
				Expect(sides[0].Decision).To(Equal(verdict.Allowed), rec.Name)
				continue
			}
			if made, ok := foretold[rec.TemplateOf.Name]; made || !ok { // the first that is refused ends it
				foretold[rec.TemplateOf.Name] = sides[0].Decision == verdict.Allowed
			}
			if rec.Name == "data-stored-0" {
				Expect(json.Unmarshal(rec.Object, &claim)).To(Succeed())
			}
		}
		Expect(foretold).To(Equal(map[string]bool{
			"crewed-by-policy": true, "tagged": true, "untagged": false, "latest": false, "stored": true, "unstored": false}))

		apply(ctx, c, policies)
		inForce(ctx, c, 8)
		apply(ctx, c, workloads)
		Eventually(func(g Gomega) {
			live := map[string]bool{}
			made, err := client.CoreV1().Pods("yard").List(ctx, metav1.ListOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			for _, pod := range made.Items {
				live[pod.Labels["app"]] = true
			}
			events, err := client.CoreV1().Events("yard").List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
			g.Expect(err).NotTo(HaveOccurred())
			for _, e := range events.Items {
				g.Expect(e.Message).To(ContainSubstring("no latest"))
				live[strings.Split(e.InvolvedObject.Name, "-")[0]] = false
			}
			g.Expect(live).To(Equal(foretold))
		}).Should(Succeed())
		made, err := client.CoreV1().PersistentVolumeClaims("yard").Get(ctx, "data-stored-0", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(made.Labels).To(Equal(claim.Labels))
		Expect(made.Annotations).To(Equal(claim.Annotations))
		Expect(made.OwnerReferences).To(Equal(claim.OwnerReferences))
		Expect(made.Spec.Resources).To(Equal(claim.Spec.Resources))
	})

	It("generates in a new namespace", func(ctx SpecContext) {
		Eventually(func() error {
			_, err := client.NetworkingV1().NetworkPolicies("tenant").Get(ctx, "deny-traffic", metav1.GetOptions{})
			return err
		}).Should(Succeed())
	})

	It("gives a new namespace its service account and the authority's certificate", func(ctx SpecContext) {
		Eventually(func(g Gomega) {
			_, err := client.CoreV1().ServiceAccounts("tenant").Get(ctx, "default", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			root, err := client.CoreV1().ConfigMaps("tenant").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect([]byte(root.Data["ca.crt"])).To(Equal(c.REST().CAData))
		}).Should(Succeed())
	})

	It("collects what a deleted Deployment owned", func(ctx SpecContext) {
		Expect(client.AppsV1().Deployments("shop").Delete(ctx, "web", metav1.DeleteOptions{})).To(Succeed())
		Eventually(func(g Gomega) {
			sets, err := client.AppsV1().ReplicaSets("shop").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(sets.Items).To(BeEmpty())
			g.Expect(pods(ctx, "web")).To(BeEmpty())
		}).Should(Succeed())
	})

	It("finishes the deletion of a namespace", func(ctx SpecContext) {
		Expect(client.CoreV1().Namespaces().Delete(ctx, "tenant", metav1.DeleteOptions{})).To(Succeed())
		Eventually(func() bool {
			_, err := client.CoreV1().Namespaces().Get(ctx, "tenant", metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		}).Should(BeTrue())
	})

	// configMaps are those of shop, by name.
	configMaps := func(ctx context.Context) (names []string) {
		GinkgoHelper()
		l, err := client.CoreV1().ConfigMaps("shop").List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		for _, cm := range l.Items {
			names = append(names, cm.Name)
		}
		return names
	}

	It("deletes on schedule what a DeletingPolicy says", func(ctx SpecContext) {
		Eventually(func() []string { return configMaps(ctx) }).ShouldNot(ContainElement("flotsam"))
		Expect(configMaps(ctx)).To(ContainElements("labelled", "unlabelled"))
	})

	It("reports what an Audit policy found", func(ctx SpecContext) {
		reports := schema.GroupVersionResource{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"}
		Eventually(func() map[string]string {
			results := map[string]string{}
			for _, r := range list(ctx, c, reports, "shop") {
				if result := resultOf(r, "require-team"); result != "" {
					name, _, _ := unstructured.NestedString(r.Object, "scope", "name")
					results[name] = result
				}
			}
			return results
		}).WithTimeout(70 * time.Second).WithPolling(250 * time.Millisecond).
			Should(And(HaveKeyWithValue("unlabelled", "fail"), HaveKeyWithValue("labelled", "pass")))
	})

	It("makes a CronJob's Jobs", func(ctx SpecContext) {
		Eventually(func() []corev1.Pod { return pods(ctx, "nightly") }).WithTimeout(70 * time.Second).WithPolling(250 * time.Millisecond).
			Should(ContainElement(And(madeBy("job-controller"), ownedBy("Job", "nightly-"))))
		jobs, err := client.BatchV1().Jobs("shop").List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(jobs.Items).To(ContainElement(And(madeBy("cronjob-controller"), ownedBy("CronJob", "nightly"))))
		i := slices.IndexFunc(jobs.Items, func(j batchv1.Job) bool { return strings.HasPrefix(j.Name, "nightly-") })
		live, foretold := jobs.Items[i], batchv1.Job{}
		for rec, err := range replay.Templates(manifests(ctx, "testdata/controllers/shop.yaml").Records) {
			Expect(err).NotTo(HaveOccurred())
			if rec.TemplateOf != nil && rec.TemplateOf.Name == "nightly" && rec.Kind.Kind == "Job" {
				Expect(json.Unmarshal(rec.Object, &foretold)).To(Succeed())
			}
		}
		Expect(live.Name).To(HaveLen(len(foretold.Name)))
		delete(live.Annotations, "made-by")
		Expect(slices.Collect(maps.Keys(live.Annotations))).To(ConsistOf(slices.Collect(maps.Keys(foretold.Annotations))))
		Expect(foretold.OwnerReferences).To(HaveLen(1))
		foretold.OwnerReferences[0].UID = live.OwnerReferences[0].UID
		Expect(live.OwnerReferences).To(Equal(foretold.OwnerReferences))
		Expect(live.Spec.Template.Spec.Containers[0].Image).To(Equal(foretold.Spec.Template.Spec.Containers[0].Image))
		for key, value := range foretold.Labels {
			Expect(live.Labels).To(HaveKeyWithValue(key, value))
		}
	})

	It("deletes what has outlived its label", func(ctx SpecContext) { // looks at kinds once a minute
		Eventually(func() []string { return configMaps(ctx) }).WithTimeout(70 * time.Second).WithPolling(250 * time.Millisecond).
			ShouldNot(ContainElement("short-lived"))
		Expect(configMaps(ctx)).To(ContainElements("labelled", "unlabelled"))
	})
})

// resultOf is the result of a policy in a report, empty when it has none.
func resultOf(report unstructured.Unstructured, policy string) string {
	results, _, _ := unstructured.NestedSlice(report.Object, "results")
	for _, r := range results {
		if m, ok := r.(map[string]any); ok && m["policy"] == policy {
			result, _ := m["result"].(string)
			return result
		}
	}
	return ""
}

// inForce waits until as many ClusterPolicies are there and every one is ready.
func inForce(ctx context.Context, c cluster.Cluster, n int) {
	GinkgoHelper()
	policies := schema.GroupVersionResource{Group: "kyverno.io", Version: "v1", Resource: "clusterpolicies"}
	Eventually(func() (waiting []string) {
		all := list(ctx, c, policies, "")
		Expect(all).To(HaveLen(n))
		for _, p := range all {
			conditions, _, _ := unstructured.NestedSlice(p.Object, "status", "conditions")
			ready := false
			for _, x := range conditions {
				m, _ := x.(map[string]any)
				ready = ready || m["type"] == "Ready" && strings.EqualFold(m["status"].(string), "true")
			}
			if !ready {
				waiting = append(waiting, p.GetName())
			}
		}
		return waiting
	}).Should(BeEmpty())
}
