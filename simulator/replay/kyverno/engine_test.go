package kyverno

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/policycache"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/answers"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/source"
	"github.com/seatrial/seatrial/simulator/verdict"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected answers in testdata/engine; inspect the diff")

// TestEngine replays the objects of each archive in testdata/engine under its policies
// and compares what the engine says, line by line, with the file want. The archive's
// comment says what is tested; "+complete", "+scan", "+templates" (the pods of workloads are
// judged, too), "+standing" (what requests create is there already), "+as NAME", "+exceptions-of NAMESPACE" in it set options, and answers.yaml says what services answer.
func TestEngine(t *testing.T) {
	archives, err := filepath.Glob("testdata/engine/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := replayArchive(t, archive)
			want := &archive.Files[len(archive.Files)-1]
			if want.Name != "want" {
				t.Fatal("the last file of an archive is want")
			}
			if *rewrite {
				want.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want.Data), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", archive.Comment, d)
			}
		})
	}
}

func replayArchive(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	c, set, as, opt := readArchive(t, archive)
	return answersTo(t, c, "c", set, as, opt, string(archive.Comment))
}

// readArchive is what an archive asks of whom.
func readArchive(t *testing.T, archive *txtar.Archive) (*capture.Capture, *policy.Set, capture.User, Options) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range archive.Files {
		at := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := captureFolder(t, dir, strings.Contains(string(archive.Comment), "+complete"))
	set, err := policy.Load(t.Context(), filepath.Join(dir, "policies"), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var as capture.User
	if _, rest, ok := strings.Cut(string(archive.Comment), "+as "); ok {
		as.Username = strings.Fields(rest)[0]
	}
	var opt Options
	if _, rest, ok := strings.Cut(string(archive.Comment), "+exceptions-of "); ok {
		opt.ExceptionNamespace = strings.Fields(rest)[0]
	}
	if content, err := os.ReadFile(filepath.Join(dir, "answers.yaml")); err == nil {
		if opt.Answers, err = answers.Parse("answers.yaml", content); err != nil {
			t.Fatal(err)
		}
	}
	return c, set, as, opt
}

// answersTo are the answers of a set to the records of a cluster, line by line; how says
// whether a background scan asks, and whether the pods of templates are judged, too.
func answersTo(t *testing.T, c *capture.Capture, cluster string, set *policy.Set, as capture.User, opt Options, how string) string {
	t.Helper()
	if err := c.IndexRecords(); err != nil {
		t.Fatal(err)
	}
	opt.At = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	compiler := NewCompiler(opt)
	program, err := compiler.Compile(t.Context(), set, c.World(cluster))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, r := range program.Rejected {
		fmt.Fprintf(&out, "rejected %s:%d %s: %s\n", r.File, r.Line, r.Policy, r.Reason)
	}
	engine, err := compiler.Engine(c.World(cluster), as, program)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		sayRecord(t, &out, engine, r, how)
	}
	notes := engine.Unread()
	engines := map[string]*Engine{cluster: engine}
	for _, note := range []string{Undefined(engines), Crashes(engines)} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	for _, note := range notes {
		fmt.Fprintf(&out, "note %s\n", note)
	}
	return out.String()
}

func sayRecord(t *testing.T, out *strings.Builder, engine *Engine, r *capture.Record, how string) {
	t.Helper()
	r.Standing = strings.Contains(how, "+standing")
	sides, err := engine.Judge(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(how, "+scan") {
		scans, err := engine.Scan(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		sides[0] = verdict.Judgement{Decision: "scanned", Verdicts: scans[0]}
	}
	sayJudgement(out, r, &sides[0])
	if !strings.Contains(how, "+templates") || r.TemplateOf != nil {
		return
	}
	all, err := admission.Products(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range all {
		sayRecord(t, out, engine, made, how)
	}
}

// captureFolder captures objects/ as manifests, or audit.log with world/ beside it.
func captureFolder(t *testing.T, dir string, complete bool) *capture.Capture {
	t.Helper()
	path := filepath.Join(dir, "out.capture")
	w, err := capture.NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	cluster := capture.Cluster{Name: "c", Complete: complete}
	_, notLive := os.Stat(filepath.Join(dir, "live"))
	if _, statErr := os.Stat(filepath.Join(dir, "audit.log")); statErr == nil {
		var world []string
		if _, err := os.Stat(filepath.Join(dir, "world")); err == nil {
			world = []string{filepath.Join(dir, "world")}
		}
		_, err = source.Audit(t.Context(), w, cluster, []string{filepath.Join(dir, "audit.log")}, world, nil, true)
	} else if notLive == nil {
		err = captureLive(t, w, cluster, filepath.Join(dir, "live"))
	} else {
		_, err = source.Manifests(t.Context(), w, cluster, []string{filepath.Join(dir, "objects")}, nil, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sayJudgement(out *strings.Builder, r *capture.Record, j *verdict.Judgement) {
	what := r.Kind.Kind
	if r.SubResource != "" {
		what += "/" + r.SubResource
	}
	fmt.Fprintf(out, "%s %s %s: %s", r.Operation, what, strings.TrimPrefix(r.Namespace+"/"+r.Name, "/"), j.Decision)
	if j.Reason != "" {
		fmt.Fprintf(out, " (%s)", j.Reason)
	}
	out.WriteByte('\n')
	for _, v := range j.Verdicts {
		line := strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", v.Policy.Name, v.Rule, v.Outcome, v.Action, strings.Join(v.Exceptions, ",")))
		text := v.Message
		if v.Outcome == verdict.Undecided {
			text = v.Reason
		}
		if text != "" {
			line += ": " + strings.Join(strings.Fields(text), " ")
		}
		fmt.Fprintf(out, "  %s\n", line)
	}
	for _, w := range j.Warnings {
		fmt.Fprintf(out, "  warning %s\n", w)
		for _, other := range j.Instead[w] {
			fmt.Fprintf(out, "  or warning %s\n", other)
		}
	}
	for _, w := range j.Undelivered {
		fmt.Fprintf(out, "  undelivered warning %s\n", strings.Join(strings.Fields(w), " "))
	}
	for _, p := range j.Unordered {
		fmt.Fprintf(out, "  unordered %s\n", p)
	}
	if len(j.Patch) > 0 {
		fmt.Fprintf(out, "  patch %s\n", j.Patch)
	}
	for _, g := range j.Generated {
		var object bytes.Buffer
		_ = json.Compact(&object, g.Object)
		fmt.Fprintf(out, "  %s %s %s\n", map[bool]string{false: "makes", true: "deletes"}[g.Deleted], g.Target, object.String())
	}
	for i, message := range j.Messages {
		fmt.Fprintf(out, "  %s %s\n", []string{"told", "or told"}[min(i, 1)], strings.Join(strings.Fields(message), " "))
	}
}

// TestSplitAgreesWithThePolicyCache cuts policies as Kyverno's own cache does.
func TestSplitAgreesWithThePolicyCache(t *testing.T) {
	action := func(s string) *kyvernov1.ValidationFailureAction {
		a := kyvernov1.ValidationFailureAction(s)
		return &a
	}
	rule := func(name string, a *kyvernov1.ValidationFailureAction, overrides ...kyvernov1.ValidationFailureActionOverride) kyvernov1.Rule {
		return kyvernov1.Rule{Name: name, Validation: &kyvernov1.Validation{Message: "m", FailureAction: a, FailureActionOverrides: overrides, Deny: &kyvernov1.Deny{}},
			MatchResources: kyvernov1.MatchResources{Any: kyvernov1.ResourceFilters{{ResourceDescription: kyvernov1.ResourceDescription{Kinds: []string{"Pod"}}}}}}
	}
	override := func(a string, namespaces []string, team string) kyvernov1.ValidationFailureActionOverride {
		o := kyvernov1.ValidationFailureActionOverride{Action: kyvernov1.ValidationFailureAction(a), Namespaces: namespaces}
		if team != "" {
			o.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": team}}
		}
		return o
	}
	specs := []kyvernov1.Spec{
		{Rules: []kyvernov1.Rule{rule("default", nil), rule("enforce", action("Enforce")), rule("old", action("enforce")), rule("audit", action("Audit"))}},
		{ValidationFailureAction: "Enforce", Rules: []kyvernov1.Rule{rule("inherits", nil), rule("audit", action("Audit"))}},
		{ValidationFailureAction: "Enforce", ValidationFailureActionOverrides: []kyvernov1.ValidationFailureActionOverride{override("Audit", []string{"dev-*"}, "")}, Rules: []kyvernov1.Rule{rule("a", nil), rule("b", action("Audit"))}},
		{Rules: []kyvernov1.Rule{rule("rule-overrides", action("Audit"), override("Enforce", nil, "web"), override("Audit", nil, ""))}},
		{ValidationFailureActionOverrides: []kyvernov1.ValidationFailureActionOverride{override("Enforce", []string{"prod"}, "web")}, Rules: []kyvernov1.Rule{rule("both", nil)}},
	}
	namespaces := []*corev1.Namespace{nil, teamNamespace("dev-1", ""), teamNamespace("prod", ""), teamNamespace("prod", "web"), teamNamespace("other", "web")}
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	for i, spec := range specs {
		p := &kyvernov1.ClusterPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p", ResourceVersion: compiledMark}, Spec: spec}
		cache := policycache.NewCache()
		if err := cache.Set("p", p, policycache.TestResourceFinder{}); err != nil {
			t.Fatal(err)
		}
		for _, ns := range namespaces {
			cut := newSplitter(p).forNamespace(ns)
			for _, side := range []struct {
				kind policycache.PolicyType
				got  kyvernov1.PolicyInterface
			}{{policycache.ValidateEnforce, cut.enforce}, {policycache.ValidateAudit, cut.audit}} {
				var want kyvernov1.PolicyInterface
				if found := cache.GetPolicies(side.kind, pods, "", ns); len(found) > 0 {
					want = found[0]
				}
				if d := cmp.Diff(ruleNames(want), ruleNames(side.got)); d != "" {
					t.Errorf("spec %d, namespace %v, %v (-cache +split):\n%s", i, ns, side.kind, d)
				}
			}
		}
	}
}

func teamNamespace(name, team string) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if team != "" {
		ns.Labels = map[string]string{"team": team}
	}
	return ns
}

func ruleNames(p kyvernov1.PolicyInterface) []string {
	if p == nil {
		return nil
	}
	var names []string
	for _, r := range p.GetSpec().Rules {
		names = append(names, r.Name)
	}
	return names
}
