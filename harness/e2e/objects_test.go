package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"github.com/seatrial/seatrial/harness/cluster"
)

// newCluster makes a cluster in a fleet of its own, which is removed when the container ends.
// What each component uses then is in the report.
func newCluster(ctx context.Context, spec cluster.Spec) cluster.Cluster {
	GinkgoHelper()
	p := provider(GinkgoT().TempDir())
	DeferCleanup(func(ctx context.Context) {
		Expect(p.Delete(ctx, spec.Name)).To(Succeed())
		Expect(p.Close(ctx)).To(Succeed())
	})
	c, err := p.Create(ctx, spec)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx context.Context) {
		for _, part := range c.Status(ctx).Parts {
			GinkgoWriter.Printf("%-30s %4d MiB %6.1f s of processor time %s\n", part.Component, part.Memory>>20, part.CPU.Seconds(), part.Error)
			if CurrentSpecReport().Failed() {
				tail, _ := c.Logs(part.Component, 4000)
				GinkgoWriter.Printf("%s\n", tail)
			}
		}
	})
	return c
}

// apply creates the objects of a file in their order.
func apply(ctx context.Context, c cluster.Cluster, path string) {
	GinkgoHelper()
	disco, err := discovery.NewDiscoveryClientForConfig(c.REST())
	Expect(err).NotTo(HaveOccurred())
	groups, err := restmapper.GetAPIGroupResources(disco)
	Expect(err).NotTo(HaveOccurred())
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	f, err := os.Open(path)
	Expect(err).NotTo(HaveOccurred())
	defer f.Close()
	for docs := yaml.NewYAMLOrJSONDecoder(bufio.NewReader(f), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := docs.Decode(&o.Object); errors.Is(err, io.EOF) {
			return
		} else {
			Expect(err).NotTo(HaveOccurred(), path)
		}
		m, err := mapper.RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
		Expect(err).NotTo(HaveOccurred())
		_, err = dynamic.NewForConfigOrDie(c.REST()).Resource(m.Resource).Namespace(o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "%s %s", o.GetKind(), o.GetName())
	}
}

// list reads the objects of a resource in a namespace; all when it is empty.
func list(ctx context.Context, c cluster.Cluster, gvr schema.GroupVersionResource, namespace string) []unstructured.Unstructured {
	GinkgoHelper()
	l, err := dynamic.NewForConfigOrDie(c.REST()).Resource(gvr).Namespace(namespace).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	return l.Items
}
