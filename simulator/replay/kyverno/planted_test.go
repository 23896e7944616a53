package kyverno

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// planted is a lookup that fails once: its call number at finds that the capture cannot
// tell. It counts its calls.
type planted struct {
	lookup
	at, calls int
	last      string // the call that failed
}

func (p *planted) fails(call string) bool {
	p.calls++
	if p.calls-1 != p.at {
		return false
	}
	p.last = call
	return true
}

func (p *planted) get(gvr schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	if p.fails(fmt.Sprintf("get %s %s/%s", gvr.Resource, namespace, name)) {
		return nil, errUnknown
	}
	return p.lookup.get(gvr, namespace, name)
}

func (p *planted) list(gvr schema.GroupVersionResource, namespace string) ([]map[string]any, error) {
	if p.fails(fmt.Sprintf("list %s in %q", gvr.Resource, namespace)) {
		return nil, errUnknown
	}
	return p.lookup.list(gvr, namespace)
}

func (p *planted) resourceFor(gvk schema.GroupVersionKind) (schema.GroupVersionResource, bool, bool) {
	if p.fails("resource for " + gvk.String()) {
		return schema.GroupVersionResource{}, false, false
	}
	return p.lookup.resourceFor(gvk)
}

func (p *planted) kindFor(gvr schema.GroupVersionResource) (schema.GroupVersionKind, bool) {
	if p.fails("kind for " + gvr.String()) {
		return schema.GroupVersionKind{}, false
	}
	return p.lookup.kindFor(gvr)
}

// TestPlantedFailures lets every lookup of every request in testdata fail, one at a time. No
// verdict may become another one, or vanish, because something could not be evaluated: it
// stays, or it is undecided or an error. Only of a rule that may or may not apply, and
// passes where it does, there may be a new pass: the request is admitted either way.
func TestPlantedFailures(t *testing.T) {
	plants := 0
	for _, path := range archives(t, "engine") {
		t.Run("engine/"+filepath.Base(path), func(t *testing.T) { plants += plantInRecords(t, path) })
	}
	for _, path := range archives(t, "cel") {
		t.Run("cel/"+filepath.Base(path), func(t *testing.T) { plants += plantInCases(t, path) })
	}
	if plants < 100 {
		t.Errorf("only %d failures planted: the requests look up nothing", plants)
	}
	t.Logf("%d failures planted", plants)
}

func archives(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	if err != nil || len(found) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	return found
}

// outcomes are the verdicts of one request by policy and rule.
type outcomes map[string]verdict.Outcome

func outcomesOf(all []verdict.Verdict) outcomes {
	out := outcomes{}
	for _, v := range all {
		out[v.Policy.String()+" "+v.Rule] = v.Outcome
	}
	return out
}

// plant asks again with a failure at each lookup, and compares.
func plant(t *testing.T, what string, real lookup, ask func(*planted) outcomes) int {
	t.Helper()
	none := &planted{lookup: real, at: -1}
	want := ask(none)
	for at := range none.calls {
		look := &planted{lookup: real, at: at}
		got := ask(look)
		for rule, before := range want {
			if after, ok := said(got, rule); !ok || after != before && after != verdict.Undecided && after != verdict.Error {
				t.Errorf("%s: when %q fails, %s is %q instead of %q", what, look.last, rule, after, before)
			}
		}
		for rule, after := range got {
			if _, ok := want[rule]; !ok && after != verdict.Undecided && after != verdict.Error && after != verdict.Pass {
				t.Errorf("%s: when %q fails, there is a new %q of %s", what, look.last, after, rule)
			}
		}
	}
	return none.calls
}

// said is what is said of a rule: by itself, or of its whole policy.
func said(got outcomes, rule string) (verdict.Outcome, bool) {
	if o, ok := got[rule]; ok {
		return o, true
	}
	o, ok := got[rule[:strings.LastIndex(rule, " ")+1]]
	return o, ok
}

func plantInRecords(t *testing.T, path string) (plants int) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	c := captureFolder(t, dir, strings.Contains(string(archive.Comment), "+complete"))
	if err := c.IndexRecords(); err != nil {
		t.Fatal(err)
	}
	set, err := policy.Load(t.Context(), filepath.Join(dir, "policies"), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	compiler := NewCompiler(Options{At: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	program, err := compiler.Compile(t.Context(), set, c.World("c"))
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("%s %s %s/%s", r.Operation, r.Kind.Kind, r.Namespace, r.Name)
		plants += plant(t, what, world{World: c.World("c")}, func(look *planted) outcomes {
			engine, err := compiler.Engine(c.World("c"), capture.User{Username: "alice"}, program)
			if err != nil {
				t.Fatal(err)
			}
			engine.look = look
			sides, err := engine.Judge(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			return outcomesOf(sides[0].Verdicts)
		})
	}
	return plants
}

func plantInCases(t *testing.T, path string) (plants int) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var units []phased
	var objects memory
	for _, file := range archive.Files {
		switch file.Name {
		case "policies.yaml":
			units, _ = compileYAML(t, file.Data)
		case "world.yaml":
			objects.add(t, file.Data)
		}
	}
	for _, file := range archive.Files {
		if file.Name == "policies.yaml" || file.Name == "world.yaml" || file.Name == "problems.yaml" {
			continue
		}
		var c celCase
		mustYAML(t, file.Data, &c)
		plants += plant(t, file.Name, &objects, func(look *planted) outcomes {
			req := c.request(t, look)
			if strings.HasPrefix(look.last, "get namespaces") {
				req.namespaceKnown = false // a case says that it is known
			}
			var all []verdict.Verdict
			for _, u := range units {
				asked, err := (&sideRun{req: *req, side: &side{units: units}}).seenBy(u)
				if asked == nil || err != nil {
					continue
				}
				all = append(all, evaluate(context.Background(), u, asked).verdicts...)
			}
			return outcomesOf(all)
		})
	}
	return plants
}
