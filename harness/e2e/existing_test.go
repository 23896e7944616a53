package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/existing"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
)

// Two clusters that are somebody's: with a world and a policy of their own, and known by a
// kubeconfig alone.
var _ = Describe("a rehearsal on clusters that exist already", func() {
	var theirs []cluster.Cluster
	var before []string
	spec := &scenarios.FleetSpec{Provider: existing.Kind, AllowExisting: true, Clusters: []scenarios.Cluster{
		{Name: "east", Labels: map[string]string{"name": "east"}}, {Name: "west", Labels: map[string]string{"name": "west"}, Context: "west"}}}

	BeforeEach(func(ctx SpecContext) {
		p := provider(GinkgoT().TempDir())
		DeferCleanup(func(ctx context.Context) {
			_, err := fleet.Down(ctx, p)
			Expect(err).NotTo(HaveOccurred())
		})
		started, err := fleet.Up(ctx, p, []cluster.Spec{{Name: "east"}, {Name: "west"}}, 2, nil)
		Expect(err).NotTo(HaveOccurred())
		theirs = nil
		for _, c := range started {
			apply(ctx, c, "testdata/world/world.yaml")
			apply(ctx, c, "testdata/policies/lenient/policy.yaml")
			inForce(ctx, c, 1)
			theirs = append(theirs, c)
		}
		content, err := fleet.Kubeconfig(theirs)
		Expect(err).NotTo(HaveOccurred())
		path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
		GinkgoT().Setenv("KUBECONFIG", path)
		before = holdings(ctx, theirs)
	})

	// on opens their clusters, for somebody who agrees to what is asked, or for nobody.
	on := func(asked *[]string) func(string) cluster.Provider {
		return func(dir string) cluster.Provider {
			confirm := func(_ context.Context, what string) error {
				*asked = append(*asked, what)
				return nil
			}
			if asked == nil {
				confirm = nil
			}
			p, err := existing.New(filepath.Join(dir, existing.Kind), confirm)
			Expect(err).NotTo(HaveOccurred())
			return p
		}
	}

	It("begins with nobody's consent not at all", func(ctx SpecContext) {
		_, err := rehearsal{dir: GinkgoT().TempDir(), clusters: []string{"east", "west"}, fleet: spec, provider: on(nil),
			scenario: "stages: [{name: enforce, candidate: strict}]"}.run(ctx)
		Expect(err).To(MatchError(existing.ErrNotConfirmed))
		Expect(holdings(ctx, theirs)).To(Equal(before))
	})

	It("decides as on embedded clusters, asks first, and leaves nothing", func(ctx SpecContext) {
		five := rehearsal{file: "testdata/five-stages.yaml", policies: "both", baseline: "lenient", clusters: []string{"east", "west"}}
		var asked []string
		there := five
		there.dir, there.fleet, there.provider = GinkgoT().TempDir(), spec, on(&asked)
		l, err := there.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(asked).To(ConsistOf(ContainSubstring("context east at https://"), ContainSubstring("context west at https://")))
		Expect(l.Fidelity.Misses).To(BeEmpty())
		Expect(l.Clusters).To(HaveEach(HaveField("Objects", 0)), "nothing of the captured world is loaded")
		Expect(holdings(ctx, theirs)).To(Equal(before))

		five.dir = GinkgoT().TempDir()
		plain, err := five.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		const off = "back by failOpen" // Kyverno is not stopped where others need it
		Expect(but(off, decisions(l))).To(Equal(but(off, decisions(plain))))
		Expect(l.Rollback).To(ContainElement(And(HaveField("Way", "failOpen"), HaveField("Error", ContainSubstring("components are left alone")))))
	}, SpecTimeout(15*time.Minute)) // with the making of their clusters

	It("does not change a policy that was there", func(ctx SpecContext) {
		var asked []string
		l, err := rehearsal{dir: GinkgoT().TempDir(), clusters: []string{"east", "west"}, baseline: "lenient", fleet: spec, provider: on(&asked),
			scenario: "stages: [{name: enforce, candidate: lenient-update}]"}.run(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Stages[0].Changes).To(HaveEach(And(HaveField("Action", "updated"), HaveField("Error", ContainSubstring("it was there before")))))
		Expect(l.Stages[0].Outcome).To(Equal(timeline.Held))
		Expect(holdings(ctx, theirs)).To(Equal(before))
	})

	It("leaves nothing when it is interrupted", func(ctx SpecContext) {
		var asked []string
		interrupted, cancel := context.WithCancel(ctx)
		_, err := rehearsal{dir: GinkgoT().TempDir(), clusters: []string{"east", "west"}, baseline: "lenient", fleet: spec, provider: on(&asked),
			scenario: "stages: [{name: enforce, candidate: strict}]",
			progress: func(s timeline.Step) {
				if strings.Contains(s.What, "require-team created") {
					cancel()
				}
			}}.run(interrupted)
		Expect(errors.Is(err, context.Canceled)).To(BeTrue(), "%v", err)
		Expect(holdings(ctx, theirs)).To(Equal(before))
	})
})

// but leaves lines out.
func but(beginning string, lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, beginning) })
}

// holdings lists every object of clusters by name, and the generation of policies, but for what
// comes and goes by itself.
func holdings(ctx context.Context, clusters []cluster.Cluster) (out []string) {
	GinkgoHelper()
	for _, c := range clusters {
		disco, err := discovery.NewDiscoveryClientForConfig(c.REST())
		Expect(err).NotTo(HaveOccurred())
		groups, err := disco.ServerPreferredResources()
		Expect(err).NotTo(HaveOccurred())
		client := dynamic.NewForConfigOrDie(c.REST())
		for _, g := range groups {
			gv, err := schema.ParseGroupVersion(g.GroupVersion)
			Expect(err).NotTo(HaveOccurred())
			for _, r := range g.APIResources {
				if !slices.Contains(r.Verbs, "list") || r.Kind == "Event" || r.Kind == "Lease" {
					continue
				}
				all, err := client.Resource(gv.WithResource(r.Name)).List(ctx, metav1.ListOptions{})
				if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
					continue
				}
				Expect(err).NotTo(HaveOccurred(), r.Name)
				for _, o := range all.Items {
					generation := int64(0)
					if strings.Contains(gv.Group, "kyverno.io") {
						generation = o.GetGeneration()
					}
					out = append(out, fmt.Sprintf("%s %s %s/%s %d", c.Name(), r.Kind, o.GetNamespace(), o.GetName(), generation))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}
