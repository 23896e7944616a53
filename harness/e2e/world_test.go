package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/source"
)

// world is a capture of the small cluster in a folder, testdata/world unless told, with requests of three users.
func world(ctx context.Context, folder string, names ...string) *capture.Capture {
	path := filepath.Join(GinkgoT().TempDir(), "world.capture")
	w, err := capture.NewWriter(path)
	Expect(err).NotTo(HaveOccurred())
	for _, n := range names {
		c := capture.Cluster{Name: n, Labels: map[string]string{"name": n}, Complete: true}
		_, err = source.Manifests(ctx, w, c, []string{folder}, nil, true)
		Expect(err).NotTo(HaveOccurred())
		for _, user := range []string{"anna", "bob", "carl"} { // carl has no rights
			Expect(w.Record(request(n, user))).To(Succeed())
		}
	}
	Expect(w.Close()).To(Succeed())
	c, err := capture.Open(path)
	Expect(err).NotTo(HaveOccurred())
	return c
}

// request is an update of the ConfigMap settings.
func request(cluster, user string) *capture.Record {
	object := func(mode string) json.RawMessage {
		return json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"shop","labels":{"team":"shop"}},"data":{"mode":"` + mode + `"}}`)
	}
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return &capture.Record{
		Cluster: cluster, Time: &at, Operation: capture.Update,
		Kind: capture.GVK{Version: "v1", Kind: "ConfigMap"}, Resource: capture.GVR{Version: "v1", Resource: "configmaps"},
		Namespace: "shop", Name: "settings", User: capture.User{Username: user, Groups: []string{"system:authenticated"}},
		Object: object("fancy"), OldObject: object("plain"), Origin: capture.Origin{Source: "audit", ID: user},
	}
}

// a rehearsal of a scenario, with what the test hooks into it.
type rehearsal struct {
	dir      string
	clusters []string
	baseline string // folder of testdata/policies; none when empty
	scenario string
	file     string               // a scenario's file or name, instead
	fleet    *scenarios.FleetSpec // instead of the scenario's
	kind     *scenarios.Kind      // what its kind clusters have
	world    string               // folder of manifests, instead of testdata/world
	policies string               // folder of testdata/policies: the candidate of stages that name none
	approve  func(context.Context, string) (bool, error)
	progress func(timeline.Step)
	provider func(dir string) cluster.Provider // nil: embedded
}

// run rehearses and returns the timeline with the error of the rehearsal.
func (r rehearsal) run(ctx context.Context) (*timeline.Timeline, error) {
	s, err := scenarios.ParseScenario("scenario.yaml", []byte("apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {name: test}\n"+r.scenario))
	if r.file != "" {
		s, err = scenarios.LoadScenario(r.file)
	}
	Expect(err).NotTo(HaveOccurred())
	if r.fleet != nil {
		s.Fleet = *r.fleet
	}
	if r.kind != nil {
		s.Fleet.Kind = r.kind
	}
	if r.provider == nil {
		r.provider = provider
	}
	if r.clusters == nil {
		r.clusters = []string{"east"}
	}
	load := func(ctx context.Context, name string) (*policy.Set, error) {
		return policy.Load(ctx, filepath.Join("testdata", "policies", name), policy.Options{})
	}
	base := policy.FromObjects("none", nil)
	if r.baseline != "" {
		base, err = load(ctx, r.baseline)
		Expect(err).NotTo(HaveOccurred())
	}
	var candidate *policy.Set
	if r.policies != "" {
		candidate, err = load(ctx, r.policies)
		Expect(err).NotTo(HaveOccurred())
	}
	in := rollout.Input{
		Scenario: s, Capture: world(ctx, cmp.Or(r.world, "testdata/world"), r.clusters...), Load: load, Candidate: candidate,
		Baseline: func(string) *policy.Set { return base },
		Equal:    func(a, b policy.Object) bool { return a.Digest == b.Digest },
	}
	var plan *rollout.Plan
	if s.Hub != nil {
		plan, err = rollout.MakeHub(ctx, in, hubInput(ctx, s))
	} else {
		plan, err = rollout.Make(ctx, in)
	}
	Expect(err).NotTo(HaveOccurred())
	p := r.provider(r.dir)
	line, err := rollout.Rehearse(ctx, plan, rollout.Options{
		Provider: p, Parallel: 4, Workers: 2, Now: time.Now, Progress: r.progress, Approve: r.approve,
	})
	if content, e := json.MarshalIndent(line, "", " "); e == nil {
		AddReportEntry("timeline", ReportEntryVisibilityFailureOrVerbose, string(content))
	}
	Expect(p.List(context.WithoutCancel(ctx))).To(BeEmpty(), "the fleet is removed whatever happens")
	return line, err
}
