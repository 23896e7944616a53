package kyverno

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	celengine "github.com/kyverno/kyverno/pkg/cel/engine"
	vpolengine "github.com/kyverno/kyverno/pkg/cel/policies/vpol/engine"
	corev1 "k8s.io/api/core/v1"

	"github.com/seatrial/seatrial/simulator/policy"
)

// benchSet is the 16 policies that the measurements in docs compare by: one simple rule
// each, over Pods, with autogen.
func benchSet(b testing.TB) *policy.Set {
	b.Helper()
	set := &policy.Set{}
	files, err := filepath.Glob("testdata/bench/*.yaml")
	if err != nil || len(files) == 0 {
		b.Fatalf("no policies: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		set.Objects = append(set.Objects, setOf(b, file, bytes.TrimSpace(data)).Objects...)
	}
	return set
}

func benchRequest(b testing.TB) *request {
	b.Helper()
	data, err := os.ReadFile("testdata/bench/deployment.json")
	if err != nil {
		b.Fatal(err)
	}
	c := celCase{User: "alice", Object: data}
	return c.request(b, &memory{})
}

// BenchmarkValidating measures 16 ValidatingPolicies on one Deployment, decoding included.
func BenchmarkValidating(b *testing.B) {
	units, problems, err := NewCompiler(Options{At: testClock}).compileCEL(context.Background(), benchSet(b), nil, nil)
	units = ofAdmission(units)
	if err != nil || len(problems) > 0 || len(units) != 16 {
		b.Fatalf("%d units, %v, %v", len(units), problems, err)
	}
	req := benchRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		req.cel = celRequest{}
		for _, u := range units {
			if u.unit.(seer).sees(req) {
				u.unit.eval(context.Background(), req)
			}
		}
	}
}

// BenchmarkValidatingEngine is the same through Kyverno's engine, as its webhook calls it.
func BenchmarkValidatingEngine(b *testing.B) {
	units, _, err := NewCompiler(Options{At: testClock}).compileCEL(context.Background(), benchSet(b), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	var all []vpolengine.Policy
	for _, u := range ofAdmission(units) {
		all = append(all, u.unit.(*validating).compiled.sample().compiled...)
	}
	req := benchRequest(b)
	engine := vpolengine.NewEngine(vpolengine.ProviderFunc(func(context.Context) ([]vpolengine.Policy, error) { return all, nil }),
		func(string) *corev1.Namespace { return req.namespace }, celMatcher)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Handle(context.Background(), celengine.RequestFromAdmission(&library{}, req.adm), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompile measures what a policy costs before the first request: schema, Kyverno's
// validation, compilation with autogen.
func BenchmarkCompile(b *testing.B) {
	set := benchSet(b)
	c := NewCompiler(Options{At: testClock})
	if _, _, err := c.compileCEL(context.Background(), set, nil, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.cel = newCELCache()
		if _, _, err := c.compileCEL(context.Background(), set, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/16, "µs/policy")
}
