package rollout

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

var update = flag.Bool("update", false, "rewrite the expected plans; review the diff like code")

// hubPlan plans a rehearsal from the hub in e2e's testdata, of members without policies.
func hubPlan(t *testing.T, scenario string, clusters ...string) (*Plan, error) {
	t.Helper()
	return hubPlanOn(t, policy.FromObjects("none", nil), scenario, clusters...)
}

// hubPlanOn plans it for members that have policies of their own.
func hubPlanOn(t *testing.T, own *policy.Set, scenario string, clusters ...string) (*Plan, error) {
	t.Helper()
	s, err := scenarios.ParseScenario("s.yaml", []byte("apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {name: test}\n"+scenario))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "world.capture")
	w, err := capture.NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range clusters {
		if err := w.Cluster(capture.Cluster{Name: n, Labels: map[string]string{"name": n}, Complete: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	load := func(ctx context.Context, name string) (hub.State, error) {
		set, err := policy.LoadObjects(ctx, filepath.Join("../e2e/testdata/hub", name), policy.Options{})
		if err != nil {
			return nil, err
		}
		return append(set.Objects, set.Others...), nil
	}
	h := HubInput{Objects: s.Hub.Objects, From: s.Hub.From, Load: load, Options: placement.Options{KubeFleet: placement.Release(s.Hub.KubeFleet), At: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}}
	if h.After, err = load(t.Context(), s.Hub.Objects); err != nil {
		t.Fatal(err)
	}
	if s.Hub.From != "" {
		if h.Before, err = load(t.Context(), s.Hub.From); err != nil {
			t.Fatal(err)
		}
	}
	return MakeHub(t.Context(), Input{
		Scenario: s, Capture: c, Baseline: func(string) *policy.Set { return own },
		Equal: func(a, b policy.Object) bool { return a.Digest == b.Digest },
	}, h)
}

// TestTakeOverDependsOnWhatMembersHave plans one placement for members that have its policy
// already: whenToTakeOver decides whether they get the hub's.
func TestTakeOverDependsOnWhatMembersHave(t *testing.T) {
	own, err := policy.Load(t.Context(), "../e2e/testdata/hub/before/policy.yaml", policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for hub, want := range map[string]policy.Mode{"never": policy.Audit, "rolling": policy.Enforce} {
		p, err := hubPlanOn(t, own, "hub: {objects: "+hub+"}", "west")
		if err != nil {
			t.Fatal(err)
		}
		sets := p.Members[0].Sets
		if got := policy.ModeOf(sets[len(sets)-1].Objects[0]); got != want {
			t.Errorf("%s: %s, want %s", hub, got, want)
		}
	}
}

// told is a plan as lines: stages with what happens before them, and what each member has.
func told(p *Plan) string {
	var b strings.Builder
	sets := func(at int) {
		for _, m := range p.Members {
			fmt.Fprintf(&b, "  %s:", m.Name)
			for _, o := range m.Sets[at].Objects {
				fmt.Fprintf(&b, " %s %s %s", o.Name, policy.ModeOf(o), version8(o.Digest)[:4])
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("before\n")
	sets(0)
	for i, s := range p.Stages {
		for _, h := range s.Hub.Happens {
			fmt.Fprintf(&b, "! %s\n", h.Text)
		}
		fmt.Fprintf(&b, "%s (%s)\n", s.Name, strings.Join(s.Hub.Names, ", "))
		if len(s.Notes) > 0 {
			fmt.Fprintf(&b, "  # %s\n", cutText(strings.Join(s.Notes, "; "), 120))
		}
		sets(i + 1)
		if back := s.Hub.Back; back != nil {
			fmt.Fprintf(&b, "  back by %s %s:", back.Way, back.Failure)
			for _, x := range back.steps() {
				fmt.Fprintf(&b, " [%s: %s]", x.Name, strings.Join(x.Clusters, " "))
			}
			b.WriteString("\n")
		}
	}
	for _, r := range hub.PlannedRuns(p.Hub.Plan) {
		fmt.Fprintf(&b, "%s %s\n", r.Name, r.State)
	}
	return b.String()
}

func cutText(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

func TestPlansFromAHub(t *testing.T) {
	golden, err := txtar.ParseFile("testdata/hub_plans.txtar")
	if err != nil {
		t.Fatal(err)
	}
	next := &txtar.Archive{Comment: golden.Comment}
	for _, c := range []struct{ name, scenario string }{
		{"a staged run", `hub: {objects: after, from: before, gate: {otherwise: rollback}}`},
		{"relabelled mid-run", "hub: {objects: after, from: before}\nfaults: [{after: canary, event: west label name=east}]"},
		{"a member leaves mid-run", "hub: {objects: after, from: before}\nfaults: [{after: canary, event: west leaves}]"},
		{"a member joins mid-run", "hub: {objects: after, from: before}\nfaults: [{before: prod, event: north joins}]"},
		{"events at their time meet a rolling update under way", "hub: {objects: rolling, from: rolling-before}\nfaults: [{event: west label name=east @30s}, {event: north joins @45s}]"},
		{"a member leaves in the middle of a rolling update", "hub: {objects: rolling, from: rolling-before}\nfaults: [{event: west leaves @30s}]"},
		{"pre-empted", "hub: {objects: after, from: before}\nfaults: [{after: canary, apply: faults/preempts.yaml}]"},
		{"an override that fails", "hub: {objects: after, from: before}\nfaults: [{before: canary, apply: faults/breaks-west.yaml}]"},
		{"reverted", `hub: {objects: after, from: before, back: revert, gate: {otherwise: rollback}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			clusters := []string{"east", "west"}
			if strings.Contains(c.scenario, "north") {
				clusters = append(clusters, "north")
			}
			p, err := hubPlan(t, c.scenario, clusters...)
			if err != nil {
				t.Fatal(err)
			}
			got, want := told(p), ""
			next.Files = append(next.Files, txtar.File{Name: c.name, Data: []byte(got)})
			for _, f := range golden.Files {
				if f.Name == c.name {
					want = string(f.Data)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" && !*update {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if *update {
		if err := os.WriteFile("testdata/hub_plans.txtar", txtar.Format(next), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoHubOnClustersThatExist(t *testing.T) {
	_, err := hubPlan(t, `fleet: {provider: existing, allowExisting: true, clusters: [{name: east}]}
hub: {objects: after, from: before}`, "east")
	if !errors.Is(err, scenarios.ErrInvalid) || !strings.Contains(err.Error(), "exist already") {
		t.Errorf("got %v", err)
	}
}
