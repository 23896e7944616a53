package cli

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// question is what a replay is asked. A nil set stands for "captured": what each cluster
// has installed.
type question struct {
	env          Env
	outputs      []output
	workers      int
	skipRejected bool
	at           time.Time
	as           capture.User
	config       blast.Config
	engine       kyverno.Options
	capture      *capture.Capture
	baseline     *policy.Set
	candidate    *policy.Set

	installed  map[string]*policy.Set            // by cluster, when a side is "captured"
	others     map[string][]policy.Object        // by side: what clusters have beside the sets, cluster by cluster
	unaccepted map[string]bool                   // of others, by title: Kyverno would not accept them
	alone      bool                              // what is captured beside the sets is left out, as in a rehearsal
	own        map[string]map[string]*policy.Set // by cluster and side, when a hub gives each cluster its own
	sources    map[string]string                 // of own's sides, as asked
	rejected   []reports.Rejected
	refusing   map[reports.Rejected][]string // the clusters that would reject it
	notes      []string
	programs   []*kyverno.Program
	compiler   *kyverno.Compiler
	rehearsal  *timeline.Timeline // nil for a replay
	hub        *hubReplay         // nil where the candidate is one set

	scans bool        // whether a background scan is asked for
	found *blast.Scan // what it finds; nil otherwise
}

// The collector trades memory for time, up to a limit: a replay's garbage is short-lived
// and its heap small.
const (
	gcPercent   = 400
	memoryLimit = 768 << 20 // bytes; near it the collector works harder, the replay goes on
)

// answer is seatrial's data flow: capture → compile → replay → diff → blast → report.
func (q *question) answer(ctx context.Context) (*reports.Report, error) {
	if q.env.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if q.env.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if q.hub != nil {
		return q.hub.answer(ctx, q)
	}
	engines, err := q.compile(ctx)
	if err != nil {
		return nil, err
	}
	return q.measure(ctx, engines)
}

// measure replays the capture and builds the report, with the rehearsal if there was one.
func (q *question) measure(ctx context.Context, engines map[string]*kyverno.Engine) (*reports.Report, error) {
	ledgers, err := openLedgers(q.env, q.outputs)
	if err != nil {
		return nil, err
	}
	defer ledgers.abort()
	meter := blast.NewMeter(q.config, q.capture.Clusters, q.namespaceLabels)
	find := func(cluster string) (replay.Engine, error) { return engines[cluster], nil }
	drawn := orders{}
	err = replay.Run(ctx, replay.Expand(q.capture.Records), find, q.workers, func(a replay.Answer) error {
		meter.Add(a)
		if a.Record.Derived() {
			return nil // nobody sent it
		}
		drawn.add(&a.Sides[1])
		return ledgers.add(a)
	})
	if err != nil {
		return nil, unanswered(err)
	}
	if err := ledgers.close(); err != nil {
		return nil, err
	}
	if q.scans {
		if err := q.scan(ctx, engines); err != nil {
			return nil, unanswered(err)
		}
	}
	q.notes = append(q.notes, drawn.notes()...)
	q.seen(engines)
	return reports.Build(q.input(meter.Radius())), nil
}

// seen notes custom resources without a definition, what was taken for granted, and what
// crashes Kyverno.
func (q *question) seen(engines map[string]*kyverno.Engine) {
	for _, note := range []string{kyverno.Undefined(engines), kyverno.Assumed(engines), kyverno.Unfiltered(engines), kyverno.Crashes(engines)} {
		if note != "" {
			q.notes = append(q.notes, note)
		}
	}
}

// compile makes an engine for each cluster. What is in several sets is compiled once.
func (q *question) compile(ctx context.Context) (map[string]*kyverno.Engine, error) {
	if err := q.checkSets(); err != nil {
		return nil, err
	}
	q.compiler = kyverno.NewCompiler(q.engine)
	if q.looksUp() {
		if err := q.capture.IndexRecords(); err != nil {
			return nil, malformed(err, "")
		}
	}
	q.installed, q.others, q.unaccepted = map[string]*policy.Set{}, map[string][]policy.Object{}, map[string]bool{}
	engines := map[string]*kyverno.Engine{}
	for _, cluster := range q.capture.Clusters {
		world := q.capture.World(cluster.Name)
		sides, err := q.sides(ctx, world, cluster.Name)
		if err != nil {
			return nil, err
		}
		engine, err := q.compiler.Engine(world, q.as, sides...)
		if err != nil {
			return nil, malformed(err, "")
		}
		q.programs = append(q.programs, sides...)
		engines[cluster.Name] = engine
	}
	q.nameClusters(len(q.capture.Clusters))
	return engines, q.refuse()
}

// sides are the programs of a cluster: the baseline's, and the candidate's, which is shipped over it.
func (q *question) sides(ctx context.Context, world *capture.World, cluster string) (programs []*kyverno.Program, err error) {
	var before *kyverno.Program
	for _, side := range []struct {
		name string
		set  *policy.Set
	}{{"baseline", q.baseline}, {"candidate", q.candidate}} {
		set := side.set
		if q.own != nil {
			set = q.own[cluster][side.name] // nil: no member of the fleet
		}
		if set == nil {
			set = kyverno.InstalledPolicies(world)
			q.installed[cluster] = set
		}
		beside, program, err := q.program(ctx, world, cluster, side.name, set, before)
		if err != nil {
			return nil, err
		}
		q.others[side.name] = append(q.others[side.name], beside...)
		q.reject(side.name, cluster, q.asked(program.Rejected, beside))
		programs, before = append(programs, program), program
	}
	return programs, nil
}

// program compiles a side's set with what stands beside it.
func (q *question) program(ctx context.Context, world *capture.World, cluster, side string, set *policy.Set, before *kyverno.Program) ([]policy.Object, *kyverno.Program, error) {
	beside := q.beside(world, side)
	program, err := q.compiler.CompileOver(ctx, with(set, beside), world, before)
	if err == nil && before != nil && len(beside) > 0 {
		var then []policy.Object
		then, err = q.regenerated(ctx, world, cluster, beside, before, program)
		if err == nil && !slices.EqualFunc(then, beside, func(a, b policy.Object) bool { return a.Digest == b.Digest }) {
			beside = then
			program, err = q.compiler.CompileOver(ctx, with(set, beside), world, before)
		}
	}
	if err != nil {
		return nil, nil, unanswered(fmt.Errorf("compile the %s: %w", side, err))
	}
	return beside, program, nil
}

// looksUp tells whether any policy asks for other objects than those always indexed.
func (q *question) looksUp() bool {
	if q.baseline == nil || q.candidate == nil {
		return true
	}
	return slices.ContainsFunc(slices.Concat(q.baseline.Objects, q.candidate.Objects, q.besides("baseline")), kyverno.LooksUp)
}

func (q *question) namespaceLabels(cluster, namespace string) map[string]string {
	w := q.capture.World(cluster)
	if w == nil {
		return nil
	}
	return w.NamespaceLabels(namespace)
}

// input gathers what the report is built from.
func (q *question) input(radius *blast.Radius) reports.Input {
	in := reports.Input{
		Tool: tool(), At: q.at, Radius: radius, Scan: q.found, Rehearsal: q.rehearsal, Rejected: q.rejected, Notes: append(q.notes, kyverno.Notes(q.programs...)...),
		Captures: []reports.Capture{{File: q.capture.Path, Digest: q.capture.End.Digest, Records: int(q.capture.End.Records), From: radius.From, To: radius.To}},
	}
	for _, s := range q.capture.Skipped {
		in.Skipped = append(in.Skipped, reports.Skipped{Where: "capture", File: s.File, Line: s.Line, Reason: s.Reason})
	}
	in.Notes = append(in.Notes, unplaced(q.capture.Clusters)...)
	if n := radius.TemplatePods + radius.TemplateOthers; n > 0 {
		what := counted(n, "pod was", "pods were")
		if others := radius.TemplateOthers; others > 0 {
			what = fmt.Sprintf("%s and %s were", counted(radius.TemplatePods, "pod", "pods"), counted(others, "Job or claim", "Jobs and claims"))
		}
		in.Notes = append(in.Notes, fmt.Sprintf("%s made of workloads' templates and judged as well, as their controllers would create them: %s more than the workload's%s",
			what, counted(radius.TemplatePodsDiffer, "answer says", "answers say"), unasked(radius.TemplateReasons)))
	}
	if n := radius.AppliedAgain; n > 0 {
		in.Notes = append(in.Notes, fmt.Sprintf("%s judged as updates as well, applied again as they are: %s more than the creation's",
			counted(n, "object that stands was", "objects that stand were"), counted(radius.AppliedAgainDiffer, "answer says", "answers say")))
	}
	if n := radius.Answered; n > 0 {
		in.Notes = append(in.Notes, fmt.Sprintf("%s judged by what the API server answered, after the policies then in force: a mutation that the candidate drops, or changes, shows there as no change",
			counted(n, "patch was", "patches were")))
	}
	in.Baseline, in.Candidate = q.baseline, q.candidate
	if in.Baseline == nil {
		in.Baseline = q.sideUnion("baseline")
	}
	if in.Candidate == nil {
		in.Candidate = q.sideUnion("candidate")
	}
	for _, side := range []*policy.Set{in.Baseline, in.Candidate} {
		in.Notes = append(in.Notes, passedOver(side)...)
	}
	before, after := firsts(q.others["baseline"]), firsts(q.others["candidate"])
	in.Notes = append(in.Notes, q.staying(before, after)...)
	in.Changes = policy.Diff(q.compiler.Defaulted(with(in.Baseline, before)), q.compiler.Defaulted(with(in.Candidate, after)))
	in.Notes = append(in.Notes, q.overdue(with(in.Candidate, after))...)
	in.Notes = append(in.Notes, q.dropped(in.Changes)...)
	in.Notes = append(in.Notes, silent(in.Changes, q.rejected, radius)...)
	in.Notes = append(in.Notes, kyverno.Shipping(in.Changes, radius.AppliedAgain > 0)...)
	return in
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return reports.Number(n) + " " + many
}

// unasked says of how many objects no policy is asked, and why.
func unasked(reasons map[string]int) (text string) {
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		text += fmt.Sprintf("; %d not judged: %s", reasons[reason], reason)
	}
	return text
}
