package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// rehearseFlags are the flags of the verb besides those of a replay.
type rehearseFlags struct {
	replayFlags
	fleetFlags
	baseline, candidate string
	count, parallel     int
	seed                uint64
	approve             []string
	hub                 hubFlags
	keep                bool
}

func newRehearse(env Env) *cobra.Command {
	var f rehearseFlags
	cmd := &cobra.Command{
		Use:   "rehearse [SCENARIO] --capture FILE --candidate SET|--hub HUB",
		Short: "Rehearse a staged rollout on a fleet of real clusters, and the ways back",
		Long: "rehearse starts a fleet with the captured clusters' world, walks the scenario's stages\n" +
			"with the captured requests as traffic, lets its gates decide, tries and times the ways\n" +
			"back, compares every live answer with the replay's prediction, and removes the fleet.\n\n" +
			"With a hub (--hub, or hub: in the scenario) the policies come to the clusters as KubeFleet\n" +
			"brings them: by placements, overrides and staged runs. Without SCENARIO it is " + stagedRun + ".\n\n" +
			"SCENARIO is a file, or one of the library:\n" + library() + "\n" +
			"Exit codes: 0 every stage passed, 1 a gate held or rolled back or the budget is exceeded,\n" +
			"2 malformed question, 3 a cluster failed or was lost.",
		Example: "  seatrial rehearse library:audit-to-enforce --capture shop.capture --candidate policies/ -o text -o html=rehearsal.html\n" +
			"  seatrial rehearse --hub hub/ --hub-from git:main:hub --fleet fleet.yaml --capture fleet.capture --approve all",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1:
				return f.run(cmd, env, args[0])
			case f.hub.Hub != "":
				return f.run(cmd, env, stagedRun)
			}
			return malformed(errors.New("no scenario to rehearse"), "name a file or one of the library, or give --hub")
		},
	}
	f.replayFlags.register(cmd)
	f.registerProvider(cmd)
	f.registerYes(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.candidate, "candidate", "", "policies that may ship (default: the scenario's)")
	flags.StringVar(&f.baseline, "baseline", "", "policies in force today (default: the scenario's, or captured)")
	flags.IntVar(&f.count, "clusters", 0, "how many clusters, the capture's in turn (default: as the scenario says)")
	flags.IntVar(&f.parallel, "parallel", 2*runtime.NumCPU(), "clusters that start at a time")
	flags.Uint64Var(&f.seed, "seed", 0, "what is drawn at random (default: the scenario's)")
	flags.StringArrayVar(&f.approve, "approve", nil, "name of a stage that is approved, or all (repeatable; otherwise a terminal is asked)")
	f.hub.registerStates(cmd, "hub-from")
	flags.Lookup("kubefleet").DefValue, f.hub.KubeFleet = "", "" // the scenario's
	flags.BoolVar(&f.keep, "keep", false, "leave the fleet running; seatrial fleet down --all removes it")
	delete(cmd.Flags().Lookup("capture").Annotations, cobra.BashCompOneRequiredFlag)
	return cmd
}

// library lists the scenarios that ship with seatrial, a line each.
func library() string {
	var b strings.Builder
	for _, n := range scenarios.Names() {
		if s, err := scenarios.LoadScenario("library:" + n); err == nil {
			fmt.Fprintf(&b, "  library:%-27s %s\n", n, s.Metadata.Description)
		}
	}
	return b.String()
}

func (f *rehearseFlags) run(cmd *cobra.Command, env Env, file string) error {
	s, err := f.scenario(cmd.Context(), file)
	if err != nil {
		return err
	}
	f.captureFile = firstOf(f.captureFile, s.Capture)
	if f.captureFile == "" {
		return malformed(errors.New("no capture to rehearse with"), "give --capture FILE, or capture: in the scenario")
	}
	q, err := f.question(env)
	if err != nil {
		return err
	}
	plan, err := f.plan(cmd, env, q, s)
	if err != nil {
		return err
	}
	q.leaveOut()
	engines, err := q.compile(cmd.Context())
	if err != nil {
		return err
	}
	stale(cmd.Context(), env, f.fleetFlags)
	f.name = "rehearsal-" + strconv.Itoa(os.Getpid())
	p, err := f.open(env)
	if err != nil {
		return err
	}
	line, failure := rollout.Rehearse(cmd.Context(), plan, rollout.Options{
		Provider: p, Parallel: f.parallel, Engine: q.engine, Workers: q.workers, Now: env.Now,
		Progress: progress(env), Approve: f.approver(env), Keep: f.keep,
	})
	line.File = file
	if cmd.Context().Err() != nil {
		return failure
	}
	q.rehearsal = line
	report, err := q.measure(cmd.Context(), engines)
	if err != nil {
		return errors.Join(err, failure)
	}
	err = f.finish(env, q, report)
	if failure != nil {
		return unanswered(failure)
	}
	return err
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// scenario reads the file and makes its paths relative to where it is.
func (f *rehearseFlags) scenario(ctx context.Context, file string) (*scenarios.Scenario, error) {
	s, err := scenarios.LoadScenario(file)
	if err != nil {
		return nil, malformed(err, "docs/scenario.md describes the file")
	}
	dir := "."
	if !strings.HasPrefix(file, "library:") {
		dir = filepath.Dir(file)
	}
	at := func(path *string) {
		set := *path == "" || *path == "none" || *path == "captured" || strings.HasPrefix(*path, "git:") || strings.HasPrefix(*path, "context:")
		if !set && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	at(&s.Capture)
	at(&s.Baseline)
	at(&s.Candidate)
	for i := range s.Stages {
		at(&s.Stages[i].Candidate)
		at(&s.Stages[i].Exceptions)
		for j := range s.Stages[i].Overrides {
			at(&s.Stages[i].Overrides[j].Exceptions)
		}
	}
	for _, path := range hubPaths(s) {
		at(path)
	}
	if err := f.fromHub(ctx, s); err != nil {
		return nil, err
	}
	if f.count < 0 {
		return nil, malformed(fmt.Errorf("--clusters: %d, want 1 or more", f.count), "")
	}
	if f.count > 0 {
		if len(s.Fleet.Clusters) > 0 {
			return nil, malformed(errors.New("--clusters: the scenario lists its clusters"), "")
		}
		s.Fleet.Count = f.count
	}
	if f.seed != 0 {
		s.Seed = f.seed
	}
	return s, nil
}

// plan loads the sets and decides what each cluster gets at each stage.
func (f *rehearseFlags) plan(cmd *cobra.Command, env Env, q *question, s *scenarios.Scenario) (*rollout.Plan, error) {
	var err error
	if q.baseline, err = q.loadBaseline(cmd, firstOf(f.baseline, s.Baseline)); err != nil {
		return nil, err
	}
	sets := map[string]*policy.Set{}
	load := func(ctx context.Context, spec string) (*policy.Set, error) {
		if sets[spec] == nil {
			set, err := q.loadOne(ctx, spec)
			if err != nil {
				return nil, err
			}
			sets[spec] = set
		}
		return sets[spec], nil
	}
	var candidate *policy.Set
	if spec := firstOf(f.candidate, s.Candidate); spec != "" {
		if candidate, err = load(cmd.Context(), spec); err != nil {
			return nil, malformed(fmt.Errorf("the candidate: %w", err), "")
		}
	}
	stored := defaulter(kyverno.NewCompiler(q.engine))
	in := rollout.Input{
		Scenario: s, Capture: q.capture, Candidate: candidate, Load: load,
		Baseline: func(cluster string) *policy.Set {
			if q.baseline != nil {
				return q.baseline
			}
			return kyverno.InstalledPolicies(q.capture.World(cluster))
		},
		Equal: func(a, b policy.Object) bool { return a.Digest == b.Digest || stored(a).Digest == stored(b).Digest },
	}
	q.as = rollout.As
	if s.Hub != nil {
		return f.hubPlan(cmd.Context(), q, s, in, env)
	}
	plan, err := rollout.Make(cmd.Context(), in)
	if err != nil {
		return nil, malformed(err, "")
	}
	q.candidate = last(s, candidate, sets)
	return plan, nil
}

// last is the set that the rollout leads to, which the report's prediction is about.
func last(s *scenarios.Scenario, candidate *policy.Set, sets map[string]*policy.Set) *policy.Set {
	for _, st := range slices.Backward(s.Stages) {
		if st.Candidate != "" {
			return sets[st.Candidate]
		}
	}
	return candidate
}

// approver answers the gates that ask a person: by flag, or by a question on the terminal.
func (f *rehearseFlags) approver(env Env) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, stage string) (bool, error) {
		if slices.Contains(f.approve, stage) || slices.Contains(f.approve, "all") {
			return true, nil
		}
		if !isTerminal(env.Stdin) {
			return false, errors.New("nobody could be asked: approve with --approve " + strconv.Quote(stage))
		}
		fmt.Fprintf(env.Stderr, "stage %q: go on? [y/N] ", stage)
		answer := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(env.Stdin).ReadString('\n')
			answer <- line
		}()
		select {
		case line := <-answer:
			return strings.EqualFold(strings.TrimSpace(line), "y"), nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// progress prints each step as a line.
func progress(env Env) func(timeline.Step) {
	return func(s timeline.Step) {
		where := s.Stage
		if s.Cluster != "" {
			where = strings.TrimPrefix(where+" · "+s.Cluster, " · ")
		}
		line := fmt.Sprintf("%7.1fs %s", (s.At + s.Took).Seconds(), s.What)
		if where != "" {
			line = fmt.Sprintf("%7.1fs [%s] %s", (s.At + s.Took).Seconds(), where, s.What)
		}
		if s.Took >= 100*time.Millisecond {
			line += fmt.Sprintf(" (%.1f s)", s.Took.Seconds())
		}
		if s.Error != "" {
			line += ": " + s.Error
		}
		fmt.Fprintln(env.Stderr, line)
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// stale removes the fleets of rehearsals whose process is gone.
func stale(ctx context.Context, env Env, f fleetFlags) {
	names, _ := fleetNames()
	for _, n := range names {
		pid, err := strconv.Atoi(strings.TrimPrefix(n, "rehearsal-"))
		if err != nil || !strings.HasPrefix(n, "rehearsal-") || syscall.Kill(pid, 0) == nil {
			continue
		}
		f.name = n
		p, err := f.open(Env{Stderr: io.Discard, Getenv: env.Getenv})
		if err != nil {
			continue
		}
		if _, err := fleet.Down(ctx, p); err == nil {
			fmt.Fprintf(env.Stderr, "removed what an interrupted rehearsal left: %s\n", n)
		}
	}
}
