package kyverno_test

import (
	stdcmp "cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

var (
	updateConformance = flag.Bool("update-conformance", false, "rewrite testdata/conformance.txt; inspect the diff")
	onlyConformance   = flag.String("conformance", "", "show the differences of the tests whose path holds this text, and compare nothing")
)

// TestConformance replays Kyverno's own conformance tests offline: what they apply, create,
// patch and delete, in order, with the answer that they expect of a cluster, and what they
// assert to be there then. A test ends here at its first script. testdata/conformance.txt
// holds the counts of each area and every difference. Those about policies are the tests'
// own: the release answers as the replay does. The others are of objects that the
// background controller makes when a policy comes, or keeps in step, and of services that
// only a cluster has; the replay answers requests.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kyverno/kyverno").Output()
	if err != nil {
		t.Fatalf("find the Kyverno module: %v", err)
	}
	module := strings.TrimSpace(string(dir))
	root := filepath.Join(module, "test", "conformance", "chainsaw")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("this Kyverno module holds no conformance tests: %v", err)
	}
	rights := releaseRights(t, filepath.Join(module, "config", "install-latest-testing.yaml"))
	rights = append(rights, extraRights(t, filepath.Join(module, "scripts", "config", "standard", "kyverno.yaml"))...)
	var out strings.Builder
	total := score{}
	for _, area := range conformanceAreas {
		s := score{}
		for _, path := range chainsawTests(t, filepath.Join(root, area)) {
			if !strings.Contains(path, *onlyConformance) {
				continue
			}
			run := &conformance{t: t, dir: filepath.Dir(path), name: strings.TrimPrefix(filepath.Dir(path), root+"/"), objects: map[string]json.RawMessage{}, score: s}
			for _, doc := range rights {
				run.put(doc)
			}
			run.test(path)
		}
		total.add(s)
		fmt.Fprintf(&out, "%s: %s\n", area, s)
		for _, d := range s.differences() {
			fmt.Fprintf(&out, "  %s\n", d)
		}
	}
	fmt.Fprintf(&out, "all: %s\n", total)
	if *onlyConformance != "" {
		t.Log(out.String())
		return
	}
	const golden = "testdata/conformance.txt"
	if *updateConformance {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("conformance (-want +got):\n%s", d)
	}
}

// conformanceAreas are the folders whose tests ask a cluster for answers that an object's
// admission, or the background controller, gives.
var conformanceAreas = []string{
	"cel", "exceptions", "filter", "generate", "generating-policies", "globalcontext", "mutate", "mutating-policies",
	"namespaced-generating-policies", "namespaced-mutating-policies", "namespaced-validating-policies", "policy-validation", "rangeoperators", "validate",
	"validating-policies", "verify-manifests", "webhooks", "webhook-configurations",
}

// score counts steps by result, and keeps the differences under their text.
type score map[string]int

var results = []string{"tests", "requests", "policies", "assertions", "undecided", "cut short"}

func (s score) String() string {
	var parts []string
	for _, r := range results {
		parts = append(parts, fmt.Sprintf("%d %s", s[r], r))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(", %d differ", len(s.differences()))
}

func (s score) differences() (out []string) {
	for _, text := range slices.Sorted(maps.Keys(s)) {
		if !slices.Contains(results, text) {
			out = append(out, text)
		}
	}
	return out
}

func (s score) add(other score) {
	for k, n := range other {
		s[k] += n
	}
}

// conformance is one test on its way: the cluster as far as it made one.
type conformance struct {
	t         *testing.T
	dir, name string
	objects   map[string]json.RawMessage // of the cluster, by identity
	policies  []policy.Object
	engine    *kyverno.Engine // nil after a change
	compiler  *kyverno.Compiler
	score     score
}

func (c *conformance) test(path string) {
	content, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	var file chainsawFile
	if err := yaml.Unmarshal(content, &file); err != nil {
		c.t.Fatalf("%s: %v", path, err)
	}
	if file.Spec.Skip {
		return
	}
	c.score["tests"]++
	for _, ns := range []string{"default", "kube-system", "kyverno", "chainsaw"} {
		c.put(json.RawMessage(fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, ns)))
	}
	for _, step := range file.Spec.Steps {
		if step.Use != nil {
			if strings.Contains(step.Use.Template, "create-policy") || strings.Contains(step.Use.Template, "update-policy") {
				c.write(&chainsawObjects{File: step.Use.With.Bindings[0].Value})
			}
			continue
		}
		for _, a := range step.Try {
			switch {
			case a.Script != nil || a.Command != nil:
				c.score["cut short"]++
				return
			case a.Delete != nil:
				c.remove(a.Delete.Ref)
			case a.Patch != nil:
				c.write(a.Patch)
			case a.Update != nil:
				c.write(a.Update)
			case a.Apply != nil:
				c.write(a.Apply)
			case a.Create != nil:
				c.write(a.Create)
			case a.Assert != nil:
				c.assert(a.Assert)
			}
		}
	}
}

func (c *conformance) documents(o *chainsawObjects) []json.RawMessage {
	if len(o.Resource) > 0 {
		return []json.RawMessage{o.Resource}
	}
	return documents(c.t, filepath.Join(c.dir, o.File))
}

func (c *conformance) differ(format string, args ...any) {
	text := c.name + ": " + strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	c.score[text[:min(len(text), 300)]]++
}

// write applies documents, and compares the answer with the one expected.
func (c *conformance) write(o *chainsawObjects) {
	refused, words := o.refused()
	for _, doc := range c.documents(o) {
		h := headOf(doc)
		if policy.IsPolicyKind(h.APIVersion, h.Kind) {
			c.install(doc, h, refused)
		} else {
			c.request(doc, h, refused, words)
		}
	}
}

// remove deletes an object, or a policy, of the cluster.
func (c *conformance) remove(h chainsawHead) {
	c.policies = slices.DeleteFunc(c.policies, func(p policy.Object) bool {
		return p.Kind == h.Kind && p.Name == h.Metadata.Name && (h.Metadata.Namespace == "" || p.Namespace == h.Metadata.Namespace)
	})
	for key := range c.objects {
		if strings.HasSuffix(key, h.String()) {
			delete(c.objects, key)
		}
	}
	c.engine = nil
}

func (c *conformance) install(doc json.RawMessage, h chainsawHead, refused bool) {
	c.score["policies"]++
	object := policy.Object{APIVersion: h.APIVersion, Kind: h.Kind, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name, JSON: doc}
	if strings.HasPrefix(h.Kind, "Namespaced") || slices.Contains([]string{"Policy", "PolicyException", "CleanupPolicy"}, h.Kind) {
		object.Namespace = stdcmp.Or(h.Metadata.Namespace, "chainsaw")
	}
	same := func(p policy.Object) bool {
		return p.Kind == object.Kind && p.Name == object.Name && p.Namespace == object.Namespace
	}
	program, err := kyverno.NewCompiler(conformanceOptions).Compile(context.Background(), policy.FromObjects("new", []policy.Object{object}), c.world())
	if err != nil {
		c.differ("%s: %v", h, err)
		return
	}
	if rejected := len(program.Rejected) > 0; rejected != refused {
		reason := "accepted"
		if rejected {
			reason = "rejected: " + program.Rejected[0].Reason
		}
		c.differ("policy %s: expected refused=%v, %s", h, refused, reason)
		return
	}
	if refused {
		return
	}
	c.policies = append(slices.DeleteFunc(c.policies, same), object)
	c.put(doc)
}

var conformanceOptions = kyverno.Options{At: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}

func (c *conformance) world() *capture.World {
	var objects []*capture.WorldObject
	for _, key := range slices.Sorted(maps.Keys(c.objects)) {
		objects = append(objects, &capture.WorldObject{Cluster: "c", Object: c.objects[key]})
	}
	w, err := capture.NewWorld(capture.Cluster{Name: "c", Complete: true}, objects...)
	if err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
	return w
}

func (c *conformance) put(doc json.RawMessage) {
	c.objects[keyOf(doc)] = doc
	c.engine = nil
}

func keyOf(doc json.RawMessage) string {
	h := headOf(doc)
	return strings.Split(h.APIVersion, "/")[0] + " " + h.String()
}

func (c *conformance) request(doc json.RawMessage, h chainsawHead, refused bool, words string) {
	w := c.world()
	kind := capture.ParseGVK(h.APIVersion, h.Kind)
	resource, namespaced, known := w.Resources.ResourceFor(kind)
	if !known {
		return // of a definition that the cluster has, and the test does not show
	}
	if namespaced && h.Metadata.Namespace == "" {
		h.Metadata.Namespace = "chainsaw"
		doc = merged(doc, []byte(`{"metadata":{"namespace":"chainsaw"}}`))
	}
	rec := &capture.Record{Cluster: "c", Operation: capture.Create, Kind: kind, Resource: resource, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name,
		User: capture.User{Username: "kubernetes-admin", Groups: []string{"system:masters", "system:authenticated"}}, Object: doc}
	if kind.Kind == "Namespace" {
		rec.Namespace = ""
	}
	if old, ok := c.objects[strings.Split(h.APIVersion, "/")[0]+" "+h.String()]; ok {
		rec.Operation, rec.OldObject, rec.Object = capture.Update, old, merged(old, doc)
	}
	if c.engine == nil {
		c.compiler = kyverno.NewCompiler(conformanceOptions)
		program, err := c.compiler.Compile(context.Background(), policy.FromObjects("all", c.policies), w)
		if err != nil {
			c.differ("%v", err)
			return
		}
		if c.engine, err = c.compiler.Engine(w, capture.User{}, program); err != nil {
			c.differ("%v", err)
			return
		}
	}
	sides, err := c.engine.Judge(context.Background(), rec)
	if err != nil {
		c.differ("%s: %v", h, err)
		return
	}
	c.judged(rec, h, sides[0], refused, words)
}

func (c *conformance) judged(rec *capture.Record, h chainsawHead, j verdict.Judgement, refused bool, words string) {
	switch {
	case j.Decision == verdict.DecisionUndecided:
		c.score["undecided"]++
	case (j.Decision == verdict.Denied) != refused && !(refused && j.Decision == verdict.OutOfScope):
		c.score["requests"]++
		c.differ("%s %s: expected refused=%v, got %s %s", rec.Operation, h, refused, j.Decision, j.Message)
	case refused && words != "" && j.Decision == verdict.Denied && !strings.Contains(strings.Join(strings.Fields(words), " "), strings.Join(strings.Fields(j.Message), " ")):
		c.score["requests"]++
		c.differ("%s %s: expected %q, got %q", rec.Operation, h, words, j.Message)
	default:
		c.score["requests"]++
	}
	if refused {
		return
	}
	object, err := admission.Prepare(c.world(), rec)
	if err != nil {
		object = rec.Object
	}
	if len(j.Patch) > 0 {
		p, err := jsonpatch.DecodePatch(j.Patch)
		if err != nil {
			c.t.Fatal(err)
		}
		if object, err = p.Apply(object); err != nil {
			c.t.Fatalf("%s: %s: the patch does not apply: %v", c.name, h, err)
		}
	}
	c.put(object)
	for _, g := range j.Generated {
		if len(g.Object) == 0 {
			continue
		}
		if c.put(g.Object); g.Deleted {
			delete(c.objects, keyOf(g.Object))
		}
	}
}

// assert compares objects that are asserted to be there, as far as the replay makes them:
// no policies, reports, events, statuses or objects of Kyverno's own.
func (c *conformance) assert(o *chainsawObjects) {
	for _, doc := range c.documents(o) {
		h := headOf(doc)
		kind := capture.ParseGVK(h.APIVersion, h.Kind)
		own := strings.Contains(kind.Group, "kyverno") || strings.Contains(kind.Group, "wgpolicy") || strings.Contains(kind.Group, "openreports") || strings.Contains(kind.Group, "admissionregistration")
		if own || kind.Kind == "Event" || kind.Kind == "APIService" || h.Metadata.Name == "" {
			continue
		}
		if _, namespaced, ok := capture.NewResources().ResourceFor(kind); ok && namespaced && h.Metadata.Namespace == "" {
			h.Metadata.Namespace = "chainsaw"
		}
		have, ok := c.objects[strings.Split(h.APIVersion, "/")[0]+" "+h.String()]
		var want, got map[string]any
		_ = json.Unmarshal(doc, &want)
		_ = json.Unmarshal(have, &got)
		delete(want, "status")
		if meta, ok := want["metadata"].(map[string]any); ok {
			for _, field := range []string{"uid", "ownerReferences", "namespace", "creationTimestamp", "resourceVersion", "finalizers"} {
				delete(meta, field)
			}
			if labels, ok := meta["labels"].(map[string]any); ok {
				maps.DeleteFunc(labels, func(k string, _ any) bool { return strings.HasSuffix(k, "-uid") })
			}
		}
		c.score["assertions"]++
		if missing := lacks("", want, got); !ok {
			c.differ("assert %s: not there", h)
		} else if len(missing) > 0 {
			c.differ("assert %s: %s", h, missing[0])
		}
	}
}
