package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/source"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Dry runs have no consequences: what Kyverno's controllers make of requests and find in
// objects is compared here with real requests and objects.
var _ = Describe("what comes after admission", Ordered, func() {
	const dir = "testdata/afterwards"
	file := func(name string) string { return filepath.Join(dir, name) }
	var c cluster.Cluster
	var engine *kyverno.Engine
	var world, requests *capture.Capture

	BeforeAll(func(ctx SpecContext) {
		c = newCluster(ctx, cluster.Spec{Name: "afterwards", Components: []cluster.Component{cluster.Kyverno, cluster.KyvernoBackground, cluster.KyvernoReports}})
		world = captured(func(w *capture.Writer, k capture.Cluster) error {
			_, err := source.Manifests(ctx, w, k, []string{file("world.yaml")}, nil, true)
			return err
		})
		requests = manifests(ctx, file("requests.yaml"))
		Expect(world.IndexRecords()).To(Succeed())
		set, err := policy.Load(ctx, file("policies.yaml"), policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		compiler := kyverno.NewCompiler(kyverno.Options{At: time.Now()})
		program, err := compiler.Compile(ctx, set, world.World("themes"))
		Expect(err).NotTo(HaveOccurred())
		Expect(program.Rejected).To(BeEmpty())
		engine, err = compiler.Engine(world.World("themes"), rollout.As, program)
		Expect(err).NotTo(HaveOccurred())
		apply(ctx, c, file("world.yaml"))
		apply(ctx, c, file("policies.yaml"))
		inForce(ctx, c, 8)
		time.Sleep(2 * time.Second) // CEL policies reach the background controller a moment after they are ready
		apply(ctx, c, file("requests.yaml"))
	})

	It("is generated and mutated as foretold", func(ctx SpecContext) {
		var foretold []verdict.Generated
		var refused []string
		for rec, err := range requests.Records() {
			Expect(err).NotTo(HaveOccurred())
			sides, err := engine.Judge(ctx, rec)
			Expect(err).NotTo(HaveOccurred())
			foretold = append(foretold, sides[0].Generated...)
			for _, v := range sides[0].Verdicts {
				if v.Outcome == verdict.Error {
					refused = append(refused, v.Message)
				}
			}
		}
		Expect(foretold).To(HaveLen(8))
		for _, g := range foretold {
			var want map[string]any
			Expect(json.Unmarshal(g.Object, &want)).To(Succeed(), g.Target)
			Eventually(func() []string { return absent("", comparable(want), comparable(found(ctx, c, g.Target))) }).
				WithTimeout(20*time.Second).WithPolling(250*time.Millisecond).Should(BeEmpty(), "%s by %s %s", g.Target, g.Policy, g.Rule)
		}
		Expect(refused).To(ConsistOf(ContainSubstring("ConfigMap/tenant/number-0 cannot be made")))
		Expect(found(ctx, c, "ConfigMap/tenant/number-0")).To(BeNil(), "its data is no text")
		Expect(found(ctx, c, "ConfigMap/shop/unwatched")).To(HaveKeyWithValue("data", map[string]any{"crew": "bob"}))
	})

	It("is reported as foretold", func(ctx SpecContext) {
		foretold := scanned(ctx, engine, world)
		Expect(foretold).To(HaveLen(5))
		foretold["ConfigMap shop/news"] = []string{"tell-watchers tell: pass mutated ConfigMap/roster in namespace shop"} // of the background controller
		Eventually(func() map[string][]string { return reported(ctx, c, policyReports) }).
			WithTimeout(100 * time.Second).WithPolling(time.Second).Should(Equal(foretold))
	})
})

// scanned are the results that the replay foretells of the objects of a capture, by object.
func scanned(ctx context.Context, engine *kyverno.Engine, world *capture.Capture) map[string][]string {
	GinkgoHelper()
	foretold := map[string][]string{}
	for rec, err := range world.Records() {
		Expect(err).NotTo(HaveOccurred())
		scans, err := engine.Scan(ctx, rec)
		Expect(err).NotTo(HaveOccurred())
		key := rec.Kind.Kind + " " + rec.Namespace + "/" + rec.Name
		for _, v := range scans[0] {
			foretold[key] = append(foretold[key], strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", v.Policy.Name, v.Rule, v.Outcome, v.Message)))
		}
		slices.Sort(foretold[key])
	}
	maps.DeleteFunc(foretold, func(_ string, all []string) bool { return len(all) == 0 })
	return foretold
}

// Where Kyverno writes results: by its flag --openreportsEnabled in the second.
var (
	policyReports = schema.GroupVersionResource{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"}
	openReports   = schema.GroupVersionResource{Group: "openreports.io", Version: "v1alpha1", Resource: "reports"}
)

// reported are the results in the reports of a cluster by object.
func reported(ctx context.Context, c cluster.Cluster, kind schema.GroupVersionResource) map[string][]string {
	GinkgoHelper()
	out := map[string][]string{}
	for _, r := range list(ctx, c, kind, "") {
		kind, _, _ := unstructured.NestedString(r.Object, "scope", "kind")
		name, _, _ := unstructured.NestedString(r.Object, "scope", "name")
		key := kind + " " + r.GetNamespace() + "/" + name
		results, _, _ := unstructured.NestedSlice(r.Object, "results")
		for _, x := range results {
			m, _ := x.(map[string]any)
			text := func(field string) string { s, _ := m[field].(string); return s }
			out[key] = append(out[key], strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", text("policy"), text("rule"), text("result"), text("message"))))
		}
		slices.Sort(out[key])
	}
	return out
}

// found reads an object named as verdicts name targets; nil if it is not there.
func found(ctx context.Context, c cluster.Cluster, target string) map[string]any {
	GinkgoHelper()
	parts := strings.Split(target, "/")
	gvr := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	if parts[0] == "NetworkPolicy" {
		gvr = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
	}
	for _, o := range list(ctx, c, gvr, parts[1]) {
		if o.GetName() == parts[2] {
			return o.Object
		}
	}
	return nil
}

// comparable is an object without what only a cluster knows.
func comparable(o map[string]any) map[string]any {
	u := unstructured.Unstructured{Object: o}
	out := map[string]any{}
	for field, value := range o {
		if field != "metadata" && field != "status" {
			out[field] = value
		}
	}
	labels := map[string]any{}
	for key, value := range u.GetLabels() {
		if !strings.HasSuffix(key, "-uid") {
			labels[key] = value
		}
	}
	out["labels"] = labels
	return out
}

// absent lists what is in want and not in got, by path.
func absent(path string, want, got any) (missing []string) {
	fields, ok := want.(map[string]any)
	have, same := got.(map[string]any)
	if !ok || !same {
		if fmt.Sprint(want) != fmt.Sprint(got) {
			return []string{fmt.Sprintf("%s: want %v, got %v", path, want, got)}
		}
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		missing = append(missing, absent(path+"/"+key, fields[key], have[key])...)
	}
	return missing
}
