package kyverno

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	celengine "github.com/kyverno/kyverno/pkg/cel/engine"
	"github.com/kyverno/kyverno/pkg/cel/libs"
	"github.com/kyverno/kyverno/pkg/cel/policies/vpol/compiler"
	vpolengine "github.com/kyverno/kyverno/pkg/cel/policies/vpol/engine"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// sameAsEngine compares a verdict with what Kyverno's own engine says of the same policy
// and request. Undecided verdicts have no counterpart.
func sameAsEngine(t *testing.T, u *validating, req *request, v verdict.Verdict) {
	t.Helper()
	if v.Outcome == verdict.Undecided || !req.namespaceKnown {
		return
	}
	var rules []string
	err := u.compiled.use(req, func(one *instance[[]vpolengine.Policy]) error {
		provider := vpolengine.ProviderFunc(func(context.Context) ([]vpolengine.Policy, error) { return one.compiled, nil })
		engine := vpolengine.NewEngine(provider, func(string) *corev1.Namespace { return req.namespace }, celMatcher)
		response, err := engine.Handle(context.Background(), celengine.RequestFromAdmission(one.library, req.adm), nil)
		for _, p := range response.Policies {
			for i := range p.Rules {
				rules = append(rules, outcomeOf(p.Rules[i].Status()).String()+" "+p.Rules[i].Message())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	message := v.Message
	switch {
	case v.Outcome == verdict.Pass && message == "":
		message = "success"
	case message == matchConditionsNotMet:
		message = "skip"
	}
	outcome := v.Outcome
	if outcome == verdict.Warn {
		outcome = verdict.Fail
	}
	if diff := cmp.Diff([]string{outcome.String() + " " + message}, rules); diff != "" {
		t.Errorf("%s differs from Kyverno's engine (-ours +theirs):\n%s", v.Policy, diff)
	}
}

// TestCELOffline has policies call a server in every way that Kyverno's HTTP library knows.
func TestCELOffline(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	for _, expression := range []string{
		`http.Get("URL") == "x"`,
		`http.get("URL", {"Accept": "x"}) == "x"`,
		`http.Post("URL", {"a": "b"}) == "x"`,
		`http.Client("").Get("URL") == "x"`,
		`[http].all(h, h.Get("URL") == "x")`,
		`cel.bind(h, http, h.Get("URL") == "x")`,
	} {
		written := strings.ReplaceAll(`{"apiVersion":"policies.kyverno.io/v1","kind":"ValidatingPolicy","metadata":{"name":"calls"},"spec":{
			"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}]},
			"validations":[{"expression":"EXPRESSION"}]}}`, "EXPRESSION", strings.ReplaceAll(strings.ReplaceAll(expression, "URL", server.URL), `"`, `\"`))
		units, problems := compileYAML(t, []byte(written))
		if len(problems) > 0 {
			t.Logf("%s is rejected: %s", expression, problems[0].Reason)
			continue
		}
		c := celCase{User: "alice", Object: []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"}}`)}
		got := units[0].unit.eval(context.Background(), c.request(t, &memory{})).verdicts
		if len(got) != 1 || got[0].Outcome != verdict.Undecided {
			t.Errorf("%s: want undecided, got %+v", expression, got)
		}
	}
	if n := calls.Load(); n > 0 {
		t.Errorf("the server was called %d times", n)
	}
}

// TestCELSecondLock has Kyverno's compiler compile an HTTP call that was not rewritten.
func TestCELSecondLock(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	p := &policiesv1beta1.ValidatingPolicy{}
	mustYAML(t, []byte(`{spec: {validations: [{expression: 'http.Get("`+server.URL+`") == "x" && http.Client("").Get("`+server.URL+`") == "x"'}]}}`), p)
	var compiled *compiler.Policy
	err := compileWith(&library{}, func() error {
		made, errs := compiler.NewCompiler().Compile(p, nil)
		compiled = made
		return errs.ToAggregate()
	})
	if err != nil {
		t.Fatal(err)
	}
	c := celCase{Object: []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}`)}
	req := c.request(t, &memory{})
	body, err := req.decoded()
	if err != nil {
		t.Fatal(err)
	}
	result, err := compiled.Evaluate(context.Background(), nil, body.attr, body.slim, nil, libs.Context(&library{}))
	if err != nil || result.Error == nil || !strings.Contains(result.Error.Error(), "not permitted") {
		t.Errorf("want a refusal, got %+v, %v", result, err)
	}
	if n := calls.Load(); n > 0 {
		t.Errorf("the server was called %d times", n)
	}
}

// TestCELConcurrent judges every case of every archive from several goroutines: answers
// do not depend on who else asks.
func TestCELConcurrent(t *testing.T) {
	archives, _ := filepath.Glob("testdata/cel/*.txtar")
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var units []phased
		world := &memory{}
		var cases []celCase
		for _, file := range archive.Files {
			switch file.Name {
			case "policies.yaml":
				units, _ = compileYAML(t, file.Data)
			case "world.yaml":
				world.add(t, file.Data)
			case "problems.yaml":
			default:
				var c celCase
				mustYAML(t, file.Data, &c)
				cases = append(cases, c)
			}
		}
		ask := func(c celCase) []answer {
			req := c.request(t, world)
			var all []answer
			for _, u := range units {
				if s, ok := u.unit.(seer); !ok || s.sees(req) {
					all = append(all, u.unit.eval(context.Background(), req))
				}
			}
			return all
		}
		want := make([][]answer, len(cases))
		for i, c := range cases {
			want[i] = ask(c)
		}
		var group sync.WaitGroup
		for worker := range 4 {
			group.Go(func() {
				for round := range len(cases) {
					i := (round + worker) % len(cases)
					if diff := cmp.Diff(want[i], ask(cases[i]), cmp.AllowUnexported(answer{})); diff != "" {
						t.Errorf("%s: %s (-alone +together):\n%s", path, cases[i].Reason, diff)
					}
				}
			})
		}
		group.Wait()
	}
}
