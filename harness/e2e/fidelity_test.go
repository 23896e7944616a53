package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/source"
)

// A theme is one thing that decides what admission answers. Its requests (manifests, audit
// log) and policies are in testdata/fidelity; they stay in namespaces, or have names, that
// begin with its name.
type theme struct {
	name, about string
	compared    map[string]int // parts, and how many of each are compared at least
}

var themes = []theme{
	{"access-reviews", "access reviews that policies post, and a role that another collects", map[string]int{"decision": 3, "message": 3, "warnings": 3}},
	{"admission-policy", "ValidatingAdmissionPolicies with bindings and parameters", map[string]int{"decision": 6, "message": 2, "object": 2, "warnings": 5}},
	{"apply", "server-side apply and patches of an audit log", map[string]int{"decision": 5, "message": 3, "object": 1, "warnings": 5}},
	{"autogen", "rules that Kyverno makes for the controllers of pods", map[string]int{"decision": 7, "message": 5, "object": 1, "warnings": 7}},
	{"cel-libraries", "what CEL policies look up: objects, lists, global context, users, images", map[string]int{"decision": 8, "message": 5, "warnings": 8}},
	{"context", "what ClusterPolicies look up: ConfigMaps, API calls, global references", map[string]int{"decision": 6, "message": 3, "warnings": 6}},
	{"created", "what the API server adds between mutation and validation", map[string]int{"decision": 12, "message": 11, "warnings": 12}},
	{"custom-defaults", "defaults of CustomResourceDefinitions, and fields that they do not know", map[string]int{"decision": 4, "message": 4, "warnings": 4}},
	{"defaulting", "defaults of manifests", map[string]int{"decision": 10, "message": 9, "warnings": 10}},
	{"delete", "deletions", map[string]int{"decision": 10, "message": 2, "warnings": 10}},
	{"dry-run", "dry runs and options", map[string]int{"decision": 2, "message": 2, "warnings": 2}},
	{"exceptions", "exceptions of both API groups, one expired, one of a pod security control", map[string]int{"decision": 10, "message": 5, "object": 4, "warnings": 10}},
	{"exclusions", "users, groups, roles, resources and namespaces that Kyverno's configuration excludes", map[string]int{"decision": 6, "message": 1, "object": 5, "warnings": 6}},
	{"failure-policy", "what an error does", map[string]int{"decision": 6, "message": 2, "object": 3, "warnings": 6}},
	{"generate-name", "names that the API server draws", map[string]int{"decision": 4, "message": 3, "warnings": 4}},
	{"ingress-class", "the default class of ingresses", map[string]int{"decision": 4, "message": 3, "warnings": 4}},
	{"limit-range", "defaults and bounds of LimitRanges", map[string]int{"decision": 8, "message": 3, "warnings": 6}},
	{"mutation-order", "mutations that see each other: the API server's, CEL, classic; then validation", map[string]int{"decision": 4, "message": 1, "object": 2, "warnings": 4}},
	{"namespace-written", "the request's namespace in the object", map[string]int{"decision": 2, "message": 2, "warnings": 2}},
	{"nulls", "empty lists of ApplyConfigurations", map[string]int{"decision": 6, "message": 2, "object": 4, "warnings": 6}},
	{"overrides", "actions by namespace", map[string]int{"decision": 14, "message": 4, "object": 3, "warnings": 14}},
	{"pod-security", "what PodSecurity refuses, before and after mutation", map[string]int{"decision": 7, "message": 2, "warnings": 3}},
	{"priority", "priority classes", map[string]int{"decision": 4, "message": 3, "warnings": 4}},
	{"race", "several policies that deny at once", map[string]int{"decision": 4, "message": 3, "warnings": 4}},
	{"refused", "what the API server refuses of what policies make of objects", map[string]int{"decision": 15, "message": 8, "object": 1, "warnings": 6}},
	{"runtime-class", "overhead, selectors and tolerations of runtime classes", map[string]int{"decision": 3, "message": 2, "warnings": 3}},
	{"selector-groups", "webhooks of policies that select differently: their order, those called twice, what each says", map[string]int{"decision": 5, "message": 2, "object": 2, "warnings": 4}},
	{"selectors", "namespaceSelector, objectSelector, matchConditions, annotations, policies of a namespace", map[string]int{"decision": 8, "message": 4, "object": 2, "warnings": 8}},
	{"service-account", "accounts, tokens and pull secrets of pods", map[string]int{"decision": 10, "message": 6, "warnings": 10}},
	{"storage-class", "the default class and the finalizer of claims", map[string]int{"decision": 4, "message": 3, "warnings": 4}},
	{"subresources", "scale, status, ephemeral containers, eviction, binding, token", map[string]int{"decision": 9, "message": 5, "object": 2, "warnings": 9}},
	{"tolerations", "default tolerations", map[string]int{"decision": 4, "message": 3, "warnings": 4}},
	{"undecodable", "objects that do not decode", map[string]int{"decision": 4, "message": 1, "warnings": 2}},
	{"update", "updates: violations that were there before, fields that changed", map[string]int{"decision": 12, "message": 5, "object": 1, "warnings": 12}},
	{"users", "users, groups, roles and accounts", map[string]int{"decision": 8, "message": 7, "warnings": 8}},
	{"webhooks", "webhooks that mutate: their order, those called again, the defaults of what they add", map[string]int{"decision": 5, "message": 2, "object": 2, "warnings": 5}},
	{"verification", "images are verified after they were mutated; digests and marks that are required", map[string]int{"decision": 11, "message": 3, "object": 5, "warnings": 11}},
	{"versions", "policies about another version of the kind, about one exactly, and that share a webhook", map[string]int{"decision": 12, "message": 5, "object": 3, "warnings": 12}},
}

// One cluster answers for all themes; a spec for each looks at its own.
var _ = Describe("the offline answer is the live one", Ordered, ContinueOnFailure, func() {
	var got *timeline.Comparison
	counts := map[string]map[string]int{}

	BeforeAll(func(ctx SpecContext) {
		plan := comparing(ctx, rollout.Input{Capture: themesCapture(ctx), Candidate: themesPolicies(ctx)})
		all, err := rollout.Compare(ctx, plan, rollout.Options{
			Provider: provider(GinkgoT().TempDir()), Parallel: 1, Workers: 2, Now: time.Now, Engine: kyverno.Options{At: time.Now()},
			Progress: func(s timeline.Step) {
				GinkgoWriter.Printf("%6.1fs %5.1fs %s %s %s\n", time.Duration(s.At).Seconds(), time.Duration(s.Took).Seconds(), s.Stage, s.What, s.Error)
			},
			Compared: func(rec *capture.Record, part string, _ bool) {
				name := themeOf(rec.Namespace + rec.Name)
				if counts[name] == nil {
					counts[name] = map[string]int{}
				}
				counts[name][part]++
			},
		})
		Expect(err).NotTo(HaveOccurred())
		got = all[0]
	}, NodeTimeout(15*time.Minute))

	// missed are the discrepancies of a theme; those of none have an empty name.
	missed := func(name string) (out []timeline.Discrepancy) {
		for _, m := range got.Misses {
			if m.Part != "policy" && themeOf(nameIn(m.Request)) == name || m.Part == "policy" && name == "" {
				out = append(out, m)
			}
		}
		return out
	}

	It("takes the same policies, and agrees on what no theme is about", func() { Expect(missed("")).To(BeEmpty()) })

	for _, t := range themes {
		It(t.name+": "+t.about, func() {
			Expect(missed(t.name)).To(BeEmpty())
			for part, n := range t.compared {
				Expect(counts[t.name][part]).To(BeNumerically(">=", n), part)
			}
		})
	}
})

// nameIn is the object of a request as misses name it: CREATE Pod shop/web.
func nameIn(request string) string { return request[strings.LastIndex(request, " ")+1:] }

// themeOf is the theme of an object: the longest that begins the name.
func themeOf(name string) (found string) {
	for _, t := range themes {
		if strings.HasPrefix(name, t.name) && len(t.name) > len(found) {
			found = t.name
		}
	}
	return found
}

// comparing is the plan of a comparison: of one candidate, unless more are named, on clusters that have no
// policies before.
func comparing(ctx context.Context, in rollout.Input, candidates ...string) *rollout.Plan {
	GinkgoHelper()
	in.Scenario = &scenarios.Scenario{Stages: rollout.CompareStages(candidates...)}
	in.Baseline = func(string) *policy.Set { return policy.FromObjects("none", nil) }
	in.Equal = func(a, b policy.Object) bool { return a.Digest == b.Digest }
	plan, err := rollout.Make(ctx, in)
	Expect(err).NotTo(HaveOccurred())
	return plan
}

const themesDir = "testdata/fidelity"

func themesPolicies(ctx context.Context) *policy.Set {
	GinkgoHelper()
	var all, others []policy.Object
	for _, path := range glob("policies.yaml") {
		set, err := policy.Load(ctx, path, policy.Options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Problems).To(BeEmpty(), path)
		all, others = append(all, set.Objects...), append(others, set.Others...)
	}
	set := policy.FromObjects("themes", all)
	set.Others = others
	return set
}

func glob(name string) []string {
	GinkgoHelper()
	paths, err := filepath.Glob(filepath.Join(themesDir, "*", name))
	Expect(err).NotTo(HaveOccurred())
	Expect(paths).NotTo(BeEmpty())
	return paths
}

// themesCapture puts the themes' manifests, audit logs and worlds into one cluster.
func themesCapture(ctx context.Context) *capture.Capture {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), "themes.capture")
	w, err := capture.NewWriter(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Cluster(capture.Cluster{Name: "themes", Source: "audit", Complete: true})).To(Succeed())
	add := func(records bool, from func(*capture.Writer, capture.Cluster) error) {
		GinkgoHelper()
		c := captured(from)
		for _, o := range c.World("themes").Objects(func(string, string) bool { return true }) {
			Expect(w.World(*o)).To(Succeed())
		}
		for r, err := range c.Records() {
			Expect(err).NotTo(HaveOccurred())
			if records {
				Expect(w.Record(r)).To(Succeed())
			}
		}
	}
	for _, t := range themes {
		file := func(name string) string { return filepath.Join(themesDir, t.name, name) }
		if exists(file("world.yaml")) {
			add(false, func(w *capture.Writer, c capture.Cluster) error {
				_, err := source.Manifests(ctx, w, c, []string{file("world.yaml")}, nil, true)
				return err
			})
		}
		if exists(file("requests.yaml")) {
			add(true, func(w *capture.Writer, c capture.Cluster) error {
				_, err := source.Manifests(ctx, w, c, []string{file("requests.yaml")}, nil, true)
				return err
			})
		}
		if exists(file("audit.jsonl")) {
			add(true, func(w *capture.Writer, c capture.Cluster) error {
				_, err := source.Audit(ctx, w, c, []string{file("audit.jsonl")}, nil, nil, true)
				return err
			})
		}
	}
	Expect(w.Close()).To(Succeed())
	c, err := capture.Open(path)
	Expect(err).NotTo(HaveOccurred())
	return c
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func captured(from func(*capture.Writer, capture.Cluster) error) *capture.Capture {
	GinkgoHelper()
	f, err := os.CreateTemp(GinkgoT().TempDir(), "*.capture")
	Expect(err).NotTo(HaveOccurred())
	Expect(f.Close()).To(Succeed())
	w, err := capture.NewWriter(f.Name())
	Expect(err).NotTo(HaveOccurred())
	Expect(from(w, capture.Cluster{Name: "themes", Complete: true})).To(Succeed())
	Expect(w.Close()).To(Succeed())
	c, err := capture.Open(f.Name())
	Expect(err).NotTo(HaveOccurred())
	return c
}
