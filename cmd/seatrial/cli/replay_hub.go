package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/cmd/seatrial/hubs"
	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// hubReplay is a replay whose candidate is a change of a hub: each member is judged under
// its own policies, at every stage that changes them.
type hubReplay struct {
	*planned
	captured bool // the baseline is what members have installed
	versions bool // a policy is not the same everywhere
	courses  []hubs.Course
	shared   *sharing
	clusters []capture.Cluster // the members that are judged
	engines  map[string]*kyverno.Engine
	meters   []*blast.Meter // by stage of the plan; nil where nothing is judged
}

// askHub plans the hub change that a replay is about.
func (q *question) askHub(ctx context.Context, f *hubFlags, baseline string) error {
	if baseline != "" && baseline != "captured" {
		return malformed(fmt.Errorf("--baseline %s: with --hub the baseline is captured, or the hub before", baseline), "name the hub before with --hub-from")
	}
	p, err := f.ask(ctx, q.env, q.at, q.capture)
	if err != nil {
		return err
	}
	h := &hubReplay{planned: p, captured: baseline == "captured" || p.Before == nil}
	h.courses = p.Courses(p.plan, h.captured)
	h.shared = share(h.courses)
	if len(h.courses) == 0 {
		return malformed(errors.New("the capture holds none of the fleet's members"), "name captured clusters as world in the fleet file: {name: prod-1, world: production}")
	}
	for _, c := range h.courses {
		i := slices.IndexFunc(p.plan.Members, func(m *placement.Member) bool { return m.Name == c.Member })
		h.clusters = append(h.clusters, capture.Cluster{Name: c.Member, Labels: p.plan.Members[i].Labels})
	}
	q.hub = h
	q.notes = append(q.notes, h.notes(q.capture)...)
	return nil
}

// notes say what a reader of the report must know about the fleet.
func (h *hubReplay) notes(c *capture.Capture) (out []string) {
	judged, stands := map[string]bool{}, map[string]bool{}
	for _, course := range h.courses {
		judged[course.Member], stands[course.World] = true, true
	}
	var missing, others, codes []string
	for _, m := range h.plan.Members {
		if !judged[m.Name] {
			missing = append(missing, m.Name)
		}
	}
	for _, cluster := range c.Clusters {
		if !stands[cluster.Name] {
			others = append(others, cluster.Name)
		}
	}
	if len(missing) > 0 {
		out = append(out, fmt.Sprintf("%s not judged: the capture does not hold %s", counted(len(missing), "member was", "members were"), strings.Join(missing, ", ")))
	}
	if len(others) > 0 {
		out = append(out, fmt.Sprintf("not judged: captured clusters that are no members of the fleet: %s", strings.Join(others, ", ")))
	}
	for _, w := range h.plan.Warnings {
		if w.Object != "" {
			codes = append(codes, w.Code+" ("+w.Object+")")
		}
	}
	if codes = slices.Compact(codes); len(codes) > 0 {
		out = append(out, "the plan has warnings, which seatrial plan explains: "+strings.Join(codes, ", "))
	}
	return append(out, h.Notes...)
}

// compile makes an engine for each group of members that are alike. Sets that groups and
// stages share are compiled once.
func (h *hubReplay) compile(ctx context.Context, q *question) error {
	q.compiler = kyverno.NewCompiler(q.engine)
	if err := q.capture.IndexRecords(); err != nil {
		return malformed(err, "")
	}
	h.engines = map[string]*kyverno.Engine{}
	programs := map[string][]*kyverno.Program{}
	for _, c := range h.courses {
		first := h.shared.first[c.Member]
		if programs[first] == nil {
			world := q.capture.World(c.World)
			var before *kyverno.Program
			for _, set := range c.Sets {
				program, err := q.compiler.CompileOver(ctx, set, world, before)
				if err != nil {
					return unanswered(fmt.Errorf("compile the policies of %s: %w", c.Member, err))
				}
				programs[first], before = append(programs[first], program), program
			}
			engine, err := q.compiler.Engine(world, q.as, programs[first]...)
			if err != nil {
				return malformed(err, "")
			}
			h.engines[first] = engine
			q.programs = append(q.programs, programs[first]...)
		}
		for i, program := range programs[first] {
			side := "candidate"
			if i == 0 {
				side = "baseline"
			}
			q.reject(side, c.Member, program.Rejected)
		}
	}
	q.nameClusters(len(h.courses))
	return q.refuse()
}

// answer replays the capture for every member and stage, and builds the report.
func (h *hubReplay) answer(ctx context.Context, q *question) (*reports.Report, error) {
	if err := h.compile(ctx, q); err != nil {
		return nil, err
	}
	ledgers, err := openLedgers(q.env, q.outputs)
	if err != nil {
		return nil, err
	}
	defer ledgers.abort()
	labels := func(cluster, namespace string) map[string]string {
		return q.namespaceLabels(h.Worlds[cluster], namespace)
	}
	meter := blast.NewMeter(q.config, h.clusters, labels)
	h.meters = make([]*blast.Meter, len(h.plan.Stages))
	sides := map[string][]int{}
	for _, c := range h.courses {
		sides[c.Member] = c.Side
		for i := 1; i < len(c.Side); i++ {
			if c.Side[i] != c.Side[i-1] && h.meters[i] == nil {
				h.meters[i] = blast.NewMeter(q.config, h.clusters, labels)
			}
		}
	}
	find := func(cluster string) (replay.Engine, error) { return h.engines[cluster], nil }
	err = h.shared.run(ctx, replay.Expand(h.shared.records(q.capture)), find, q.workers, func(a replay.Answer) error {
		at := sides[a.Record.Cluster]
		for i := 1; i < len(at); i++ {
			if at[i] != at[i-1] {
				h.meters[i].Add(between(a, at[i-1], at[i]))
			}
		}
		whole := between(a, at[0], at[len(at)-1])
		meter.Add(whole)
		if a.Record.Derived() {
			return nil // nobody sent it
		}
		return ledgers.add(whole)
	})
	if err != nil {
		return nil, unanswered(err)
	}
	if err := ledgers.close(); err != nil {
		return nil, err
	}
	if q.scans {
		if err := h.scan(ctx, q, sides); err != nil {
			return nil, unanswered(err)
		}
	}
	q.seen(h.engines)
	return h.report(q, meter.Radius()), nil
}

// scan foretells the PolicyReports of every member, before the change and after its last stage.
func (h *hubReplay) scan(ctx context.Context, q *question, sides map[string][]int) error {
	meter := blast.NewScanMeter()
	find := func(cluster string) (replay.Engine, error) { return scanning{h.engines[cluster]}, nil }
	err := h.shared.run(ctx, replay.Objects(h.shared.records(q.capture)), find, q.workers, func(a replay.Answer) error {
		at := sides[a.Record.Cluster]
		meter.Add(a.Record, a.Sides[at[0]].Verdicts, a.Sides[at[len(at)-1]].Verdicts)
		return nil
	})
	q.found = meter.Scan()
	members := map[string]*kyverno.Engine{}
	for _, c := range h.courses {
		members[c.Member] = h.engines[h.shared.first[c.Member]]
	}
	q.notes = append(q.notes, unread(members)...)
	return err
}

// between is an answer under two of its sides.
func between(a replay.Answer, before, after int) replay.Answer {
	a.Sides = append(a.Sides[before:before+1:before+1], a.Sides[after])
	return a
}

func (h *hubReplay) report(q *question, radius *blast.Radius) *reports.Report {
	q.baseline, q.candidate = h.union(0), h.union(-1)
	q.baseline.Source, q.candidate.Source, q.candidate.Revision = "captured", h.After.Source, h.After.Revision
	if !h.captured {
		q.baseline.Source, q.baseline.Revision = h.Before.Source, h.Before.Revision
	}
	if h.versions {
		q.notes = append(q.notes, "clusters hold several versions of a policy: the table of policies shows the first cluster's, and counts all of them")
	}
	in := q.input(radius)
	in.Stages = h.stages()
	in.Hub, in.HubBudget = h.Report(h.plan, tool(), q.at), q.config.Budget.Hub
	return reports.Build(in)
}

// union is the policies of all members at the first stage, or at the last (-1).
func (h *hubReplay) union(stage int) *policy.Set {
	var objects, others []policy.Object
	seen := map[string]string{}
	take := func(list []policy.Object, to *[]policy.Object) {
		for _, o := range list {
			key := o.APIVersion + "/" + o.Kind + "/" + o.Namespace + "/" + o.Name
			if first, ok := seen[key]; !ok {
				*to, seen[key] = append(*to, o), o.Digest
			} else if first != o.Digest {
				h.versions = true
			}
		}
	}
	for _, c := range h.courses {
		at := stage
		if at < 0 {
			at = len(c.Side) - 1
		}
		take(c.Sets[c.Side[at]].Objects, &objects)
		take(c.Sets[c.Side[at]].Others, &others)
	}
	set := policy.FromObjects("", objects)
	set.Others = others
	return set
}

// stages are the plan's with what was measured. Where nothing of the capture stands for a
// cluster, what the plan says of it counts.
func (h *hubReplay) stages() (out []reports.StageInput) {
	known := map[string]hubs.Course{}
	for _, c := range h.courses {
		known[c.Member] = c
	}
	for i := 1; i < len(h.plan.Stages); i++ {
		s := reports.StageInput{Stage: h.plan.Stages[i], Number: i}
		for _, m := range h.plan.Members {
			c, ok := known[m.Name]
			switch {
			case ok && c.Side[i] != c.Side[i-1]:
				s.Clusters = append(s.Clusters, m.Name)
			case !ok && hubs.Moves(h.plan, i, m.Name):
				s.Clusters, s.NotCaptured = append(s.Clusters, m.Name), append(s.NotCaptured, m.Name)
			}
		}
		if h.meters[i] != nil {
			s.Radius = h.meters[i].Radius()
		}
		out = append(out, s)
	}
	return out
}
