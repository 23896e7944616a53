// Package clustertest is the contract that every [cluster.Provider] passes. A
// provider's tests call [Contract] in a Ginkgo container; it makes clusters and
// leaves none.
package clustertest

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Contract is the specs. open opens the provider's state as another command would: the
// second call must see what the first one made.
func Contract(open func() cluster.Provider) {
	Describe("the provider's contract", Ordered, func() {
		var p cluster.Provider
		var one, two cluster.Cluster

		BeforeAll(func(ctx SpecContext) {
			p = open()
			DeferCleanup(func(ctx context.Context) {
				for _, n := range []string{"one", "two"} {
					Expect(p.Delete(ctx, n)).To(Succeed())
				}
				Expect(p.Close(ctx)).To(Succeed())
			})
			var err error
			one, err = p.Create(ctx, cluster.Spec{Name: "one", Labels: map[string]string{"env": "test"}})
			Expect(err).NotTo(HaveOccurred())
			two, err = p.Create(ctx, cluster.Spec{Name: "two"})
			Expect(err).NotTo(HaveOccurred())
		})

		It("returns clusters that are ready: admission answers the first request", func(ctx SpecContext) {
			Expect(putPolicy(ctx, one.REST())).To(Succeed())
			Eventually(func() error { return createConfigMap(ctx, one.REST(), "refused") }).WithTimeout(patience).
				Should(MatchError(ContainSubstring("denied the request")))
			isReady(ctx, one)
		})

		It("keeps clusters apart", func(ctx SpecContext) {
			Expect(createConfigMap(ctx, two.REST(), "refused")).To(Succeed())
		})

		It("gives kubeconfigs that work, with a context of the cluster's name", func() {
			content, err := one.Kubeconfig()
			Expect(err).NotTo(HaveOccurred())
			Expect(string(content)).To(ContainSubstring("current-context: one"))
		})

		It("lets the administrator act as anybody", func(ctx SpecContext) {
			cfg := one.REST()
			cfg.Impersonate = rest.ImpersonationConfig{UserName: "nobody@example.com"}
			_, err := kubernetes.NewForConfigOrDie(cfg).CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		})

		It("lists what it made, in this process and another", func(ctx SpecContext) {
			other := open()
			Expect(other.List(ctx)).To(Equal([]string{"one", "two"}))
			opened, err := other.Open(ctx, "one")
			Expect(err).NotTo(HaveOccurred())
			isReady(ctx, opened)
			Expect(opened.Spec().Labels).To(HaveKeyWithValue("env", "test"))
		})

		It("refuses a second cluster of a name, and names that cannot be", func(ctx SpecContext) {
			_, err := p.Create(ctx, cluster.Spec{Name: "one"})
			Expect(err).To(MatchError(cluster.ErrExists))
			_, err = p.Create(ctx, cluster.Spec{Name: "Not_A_Label"})
			Expect(err).To(HaveOccurred())
			_, err = p.Open(ctx, "nobody")
			Expect(err).To(MatchError(cluster.ErrNotFound))
		})

		It("stops and starts components, and says which one is missing", func(ctx SpecContext) {
			Expect(one.Stop(ctx, cluster.Kyverno)).To(Succeed())
			Expect(one.Status(ctx).Ready).To(BeFalse())
			Expect(createConfigMap(ctx, one.REST(), "refused")).To(MatchError(ContainSubstring("failed calling webhook")), "failurePolicy is Fail")
			Expect(one.Start(ctx, cluster.Kyverno)).To(Succeed())
			isReady(ctx, one)
			Expect(one.Stop(ctx, cluster.Component("none"))).To(MatchError(cluster.ErrUnsupported))
		})

		It("keeps logs", func() {
			content, err := one.Logs(cluster.APIServer, 4096)
			Expect(err).NotTo(HaveOccurred())
			Expect(content).NotTo(BeEmpty())
		})

		It("leaves nothing of a cluster whose creation is interrupted", func(ctx SpecContext) {
			short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
			defer cancel()
			_, err := p.Create(short, cluster.Spec{Name: "three"})
			Expect(err).To(HaveOccurred())
			Expect(p.List(ctx)).To(Equal([]string{"one", "two"}))
		})

		It("deletes what another process made, twice without complaint", func(ctx SpecContext) {
			other := open()
			Expect(other.Delete(ctx, "two")).To(Succeed())
			Expect(other.Delete(ctx, "two")).To(Succeed())
			Expect(p.List(ctx)).To(Equal([]string{"one"}))
			Expect(createConfigMap(ctx, two.REST(), "gone")).NotTo(Succeed())
		})
	})
}

// patience is for what a slow machine does late.
const patience = 30 * time.Second

// isReady asks more than once: on a slow machine a status has less time to ask than the parts take
// to answer.
func isReady(ctx context.Context, c cluster.Cluster) {
	GinkgoHelper()
	Eventually(func() cluster.Status { return c.Status(ctx) }).WithTimeout(patience).Should(HaveField("Ready", true))
}

func createConfigMap(ctx context.Context, cfg *rest.Config, name string) error {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := kubernetes.NewForConfigOrDie(cfg).CoreV1().ConfigMaps("default").Create(ctx, cm, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// putPolicy creates a policy that refuses ConfigMaps named refused.
func putPolicy(ctx context.Context, cfg *rest.Config) error {
	policy := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": map[string]any{"name": "contract"},
		"spec": map[string]any{"background": false, "rules": []any{map[string]any{
			"name":     "refuse",
			"match":    map[string]any{"any": []any{map[string]any{"resources": map[string]any{"kinds": []any{"ConfigMap"}, "names": []any{"refused"}}}}},
			"validate": map[string]any{"failureAction": "Enforce", "message": "refused", "deny": map[string]any{}},
		}}},
	}}
	gvr := schema.GroupVersionResource{Group: "kyverno.io", Version: "v1", Resource: "clusterpolicies"}
	_, err := dynamic.NewForConfigOrDie(cfg).Resource(gvr).Create(ctx, policy, metav1.CreateOptions{})
	return err
}
