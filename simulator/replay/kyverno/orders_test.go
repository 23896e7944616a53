package kyverno

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// rivals is a set of policies that set one label to different values.
func rivals(n int) *txtar.Archive {
	var policies strings.Builder
	for i := range n {
		fmt.Fprintf(&policies, `---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p%d}
spec: {rules: [{name: r, match: {any: [{resources: {kinds: [ConfigMap]}}]}, mutate: {patchStrategicMerge: {metadata: {labels: {by: p%d, own%d: x}}}}}]}
`, i, i, i)
	}
	return &txtar.Archive{Comment: []byte("+complete +as dev"), Files: []txtar.File{
		{Name: "policies/p.yaml", Data: []byte(policies.String())},
		{Name: "objects/o.yaml", Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n")},
	}}
}

// mutated is a request of an archive after all mutations.
func mutated(ctx context.Context, t *testing.T, archive *txtar.Archive) *sideRun {
	t.Helper()
	engine, records := archiveEngine(t, archive)
	var run *sideRun
	for _, rec := range records {
		req, err := engine.newRequest(rec)
		if err != nil {
			t.Fatal(err)
		}
		run = &sideRun{req: *req, common: newShared(), side: &engine.sides[0], engine: engine, origin: *req}
		run.mutateAll(ctx, engine.sides[0].hooks)
	}
	return run
}

// The first order that makes a difference is the last that is tried: each takes a webhook's time.
func TestOrdersEndAtADifference(t *testing.T) {
	const n = 8
	run := mutated(t.Context(), t, rivals(n))
	if len(run.unordered) == 0 {
		t.Fatal("no order makes a difference")
	}
	if asked := len(run.common.answers); asked > 2*n*n {
		t.Errorf("policies were asked %d times", asked)
	}
}

// Nobody waits for the answers of an interrupted run.
func TestAnInterruptionEndsARequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if asked := len(mutated(ctx, t, rivals(3)).common.answers); asked > 0 {
		t.Errorf("policies were asked %d times", asked)
	}
}
