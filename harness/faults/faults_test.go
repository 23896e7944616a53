package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/scenarios"
)

func fleet(names ...string) (out []scenarios.Cluster) {
	for _, n := range names {
		out = append(out, scenarios.Cluster{Name: n})
	}
	return out
}

func TestDraw(t *testing.T) {
	all := fleet("a", "b", "c", "d", "e", "f", "g", "h")
	list := []scenarios.Fault{
		{Before: "one", Stop: scenarios.StopKyverno, Draw: 3},
		{Before: "one", Stop: scenarios.StopHub},
		{Before: "one", Stop: scenarios.StopMemberAPI, Clusters: scenarios.Selector{Names: []string{"c"}}},
	}
	drawn, err := Draw(list, all, 7)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Draw(list, all, 7)
	if !slices.Equal(drawn[0].Clusters, again[0].Clusters) || len(drawn[0].Clusters) != 3 || !slices.IsSorted(drawn[0].Clusters) {
		t.Errorf("%v and %v: want the same three, in fleet order", drawn[0].Clusters, again[0].Clusters)
	}
	if drawn[1].Clusters != nil || !slices.Equal(drawn[2].Clusters, []string{"c"}) {
		t.Errorf("%v and %v, want none of the hub's, and c", drawn[1].Clusters, drawn[2].Clusters)
	}
	alone, _ := Draw(list[:1], all, 7)
	if !slices.Equal(alone[0].Clusters, drawn[0].Clusters) {
		t.Errorf("%v alone, %v among others", alone[0].Clusters, drawn[0].Clusters)
	}
	differs := false
	for seed := range uint64(20) {
		other, _ := Draw(list, all, seed)
		differs = differs || !slices.Equal(other[0].Clusters, drawn[0].Clusters)
	}
	if !differs {
		t.Error("every seed draws the same clusters")
	}
	if _, err := Draw([]scenarios.Fault{{Before: "one", Stop: scenarios.StopKyverno, Draw: 9}}, all, 7); !errors.Is(err, scenarios.ErrInvalid) {
		t.Errorf("nine of eight: %v", err)
	}
}

// TestBoard walks a board through a rollout whose clock is the test's.
func TestBoard(t *testing.T) {
	list, err := Draw([]scenarios.Fault{
		{Before: "canary", Stop: scenarios.StopKyverno, For: scenarios.Duration(3 * time.Second)},
		{Before: "prod", Stop: scenarios.StopMemberAPI, Until: "prod"},
		{After: "canary", Stop: scenarios.StopMemberAPI},
		{After: "canary", Event: "a leaves"},
	}, fleet("a"), 1)
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	note := func(verb string) func(context.Context, string, string) error {
		return func(_ context.Context, what, cluster string) error {
			did = append(did, verb+" "+what+" "+cluster)
			return nil
		}
	}
	begin := time.Unix(0, 0)
	now := begin
	b := NewBoard(list, Switch{Stop: note("stop"), Start: note("start")}, begin, func() time.Time { return now })
	ctx := t.Context()
	step := func(after time.Duration, do func() error) {
		t.Helper()
		now = now.Add(after)
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	step(0, func() error { return b.At(ctx, true, "canary", "stage canary of run-1") })
	step(0, func() error { return b.At(ctx, true, "canary") }) // happens once
	step(2*time.Second, func() error { return b.Due(ctx) })
	if !b.Down(scenarios.StopKyverno, "a") || b.Down(scenarios.StopKyverno, "b") {
		t.Error("kyverno is down on a alone")
	}
	step(time.Second, func() error { return b.Due(ctx) })
	step(0, func() error { return b.At(ctx, false, "canary") })
	step(0, func() error { return b.At(ctx, true, "prod") }) // stopped already
	step(time.Second, func() error { return b.After(ctx, "prod") })
	if !b.Down(scenarios.StopMemberAPI, "a") {
		t.Error("one of two faults that stop the API server is over: the other still holds")
	}
	step(time.Second, func() error { return b.Lift(ctx, scenarios.StopMemberAPI) })
	want := []string{"stop kyverno a", "start kyverno a", "stop memberAPI a", "start memberAPI a"}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Error(diff)
	}
	var told []string
	for _, f := range b.Happened() {
		told = append(told, fmt.Sprintf("%s %s %s %s", f.Stage, f.What, strings.Join(f.Clusters, ","), f.Took))
	}
	want = []string{"before canary kyverno stopped a 3s", "after canary memberAPI stopped a 2s", "after canary event: a leaves  -1ns", "before prod memberAPI stopped a 1s"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

func TestAFaultThatCannotHappenIsTold(t *testing.T) {
	list, _ := Draw([]scenarios.Fault{{Before: "one", Stop: scenarios.StopKyverno}}, fleet("a"), 1)
	b := NewBoard(list, Switch{Stop: func(context.Context, string, string) error { return errors.New("no such thing") }}, time.Now(), time.Now)
	if err := b.At(t.Context(), true, "one"); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("%v", err)
	}
	if got := b.Happened(); len(got) != 1 || got[0].Error == "" {
		t.Errorf("%+v", got)
	}
}

func TestUnmatched(t *testing.T) {
	list, _ := Draw([]scenarios.Fault{{Before: "prod", Stop: scenarios.StopHub, Until: "nowhere"}}, fleet("a"), 1)
	if err := Unmatched(list, []string{"canary", "prod"}); err == nil || !strings.Contains(err.Error(), `faults[0].until: the rollout has no stage "nowhere" (it has canary, prod)`) {
		t.Errorf("%v", err)
	}
	if err := Unmatched(list, []string{"nowhere", "prod"}); err != nil {
		t.Error(err)
	}
}
