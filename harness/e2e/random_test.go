package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/source"
)

// Objects of the shop, changed at random, under policies of the fixtures drawn at random:
// both sides say the same. Each seed draws objects and a set of policies; every set judges
// the objects of all. SEATRIAL_SEED=2,3 adds others; a seed that failed stays in seeds.
var seeds = []uint64{1}

const randomObjects = 150

var _ = Describe("random objects under random policies", func() {
	all := append(seeds, seedsFromEnv()...)
	It(fmt.Sprintf("are judged offline as live, seeds %v", all), func(ctx SpecContext) {
		var candidates []string
		for _, seed := range all {
			candidates = append(candidates, strconv.FormatUint(seed, 10))
		}
		plan := comparing(ctx, rollout.Input{
			Capture: randomCapture(ctx, all),
			Load: func(ctx context.Context, seed string) (*policy.Set, error) {
				n, err := strconv.ParseUint(seed, 10, 64)
				return randomSet(ctx, rand.New(rand.NewPCG(n, 0))), err
			},
		}, candidates...)
		got, err := rollout.Compare(ctx, plan, rollout.Options{
			Provider: provider(GinkgoT().TempDir()), Parallel: 1, Workers: 2, Now: time.Now, Engine: kyverno.Options{At: time.Now()},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(HaveLen(len(all)))
		for _, c := range got {
			_, compared := c.Agreement()
			AddReportEntry("comparison under the policies of seed "+c.Policies, ReportEntryVisibilityFailureOrVerbose, fmt.Sprintf("%+v", c))
			Expect(compared).To(BeNumerically(">", randomObjects), "most objects are valid")
			Expect(c.Misses).To(BeEmpty())
		}
	}, SpecTimeout(time.Duration(2+len(all))*time.Minute))
})

func seedsFromEnv() (out []uint64) {
	for text := range strings.SplitSeq(os.Getenv("SEATRIAL_SEED"), ",") {
		if seed, err := strconv.ParseUint(text, 10, 64); err == nil {
			out = append(out, seed)
		}
	}
	return out
}

// randomSet draws half of the fixtures' policies, of several versions.
func randomSet(ctx context.Context, draw *rand.Rand) *policy.Set {
	var all []policy.Object
	seen := map[string]bool{}
	for _, dir := range []string{"candidate", "cel", "next", "baseline"} {
		set, err := policy.Load(ctx, "../../fixtures/policies/"+dir, policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		for _, o := range set.Objects {
			key := o.Kind + o.Name
			if !seen[key] && o.Kind != "PolicyException" && draw.IntN(2) == 0 {
				all = append(all, o)
			}
			seen[key] = true
		}
	}
	return policy.FromObjects("random", all)
}

// randomCapture holds randomObjects, or twenty for each seed.
func randomCapture(ctx context.Context, seeds []uint64) *capture.Capture {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	first := filepath.Join(dir, "shop.capture")
	w, err := capture.NewWriter(first)
	Expect(err).NotTo(HaveOccurred())
	_, err = source.Manifests(ctx, w, capture.Cluster{Name: "shop", Complete: true}, []string{"../../fixtures/shop/production"}, nil, true)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	shop, err := capture.Open(first)
	Expect(err).NotTo(HaveOccurred())
	var objects []map[string]any
	for r, err := range shop.Records() {
		Expect(err).NotTo(HaveOccurred())
		var o map[string]any
		Expect(json.Unmarshal(r.Object, &o)).To(Succeed())
		objects = append(objects, o)
	}
	path := filepath.Join(dir, "random")
	Expect(os.MkdirAll(path, 0o700)).To(Succeed())
	for _, seed := range seeds {
		draw := rand.New(rand.NewPCG(seed, 1))
		for i := range max(randomObjects/len(seeds), 20) {
			name := fmt.Sprintf("random-%d-%d", seed, i)
			content, err := json.Marshal(randomObject(draw, objects, name))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(path, name+".json"), content, 0o600)).To(Succeed())
		}
	}
	second := filepath.Join(dir, "random.capture")
	w, err = capture.NewWriter(second)
	Expect(err).NotTo(HaveOccurred())
	_, err = source.Manifests(ctx, w, capture.Cluster{Name: "shop", Complete: true}, []string{path}, nil, false)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	c, err := capture.Open(second)
	Expect(err).NotTo(HaveOccurred())
	return c
}

// randomObject is one of the objects, changed one to four times.
func randomObject(draw *rand.Rand, objects []map[string]any, name string) map[string]any {
	o := clone(objects[draw.IntN(len(objects))])
	meta := o["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "ownerReferences", "generation"} {
		delete(meta, field)
	}
	delete(o, "status")
	for range 1 + draw.IntN(4) {
		change(draw, o, "")
	}
	o["metadata"].(map[string]any)["name"] = name
	return o
}

func clone(o map[string]any) map[string]any {
	content, err := json.Marshal(o)
	Expect(err).NotTo(HaveOccurred())
	var out map[string]any
	Expect(json.Unmarshal(content, &out)).To(Succeed())
	return out
}

// fixed are fields whose change makes another request of it, or none.
var fixed = []string{"apiVersion", "kind", "name", "namespace", "selector", "matchLabels"}

var words = []string{"latest", "docker.io/library/nginx:latest", "registry.shop.example/cart:1.2.3", "payments", "shop", "Always", "true", "100m", "64Mi", "cart", ""}

// change changes one thing at random somewhere below node: a key goes, a value becomes
// another, an item is there twice.
func change(draw *rand.Rand, node any, under string) {
	switch node := node.(type) {
	case map[string]any:
		keys := slices.DeleteFunc(slices.Sorted(maps.Keys(node)), func(k string) bool {
			return slices.Contains(fixed, k) || under == "" && k == "metadata" && draw.IntN(3) > 0
		})
		if len(keys) == 0 {
			return
		}
		key := keys[draw.IntN(len(keys))]
		switch value := node[key].(type) {
		case map[string]any, []any:
			if under != "" && draw.IntN(8) == 0 {
				delete(node, key)
				return
			}
			change(draw, value, key)
		case string:
			node[key] = words[draw.IntN(len(words))]
		case bool:
			node[key] = !value
		case float64:
			node[key] = float64(draw.IntN(9000))
		}
	case []any:
		if len(node) > 0 {
			change(draw, node[draw.IntN(len(node))], under)
		}
	}
}
