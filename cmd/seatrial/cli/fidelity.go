package cli

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports/render"
	"github.com/seatrial/seatrial/scenarios"
)

// fidelityFlags are the flags of the verb besides those of a rehearsal.
type fidelityFlags struct {
	rehearseFlags
	requests   int
	candidates []string
}

func newFidelity(env Env) *cobra.Command {
	var f fidelityFlags
	cmd := &cobra.Command{
		Use:   "fidelity --capture FILE --candidate SET",
		Short: "Compare the replay with real clusters, request by request",
		Long: "fidelity replays a capture offline and sends it to real clusters with the candidate in\n" +
			"force, as dry runs by the captured users, and compares: the decision, the message of a\n" +
			"denial, what policies change in an admitted object, and, with every policy set to warn,\n" +
			"which rules fail. Requests that cannot be compared are counted with the reason.\n\n" +
			"Several candidates are compared one after the other on the same clusters, which saves\n" +
			"their start. What is compared when the verb is interrupted is written.\n\n" +
			"Exit codes: 0 everything that could be compared agrees, 1 something differs,\n" +
			"2 malformed question, 3 a cluster failed.",
		Example: "  seatrial fidelity --capture shop.capture --candidate policies/ -o text -o misses=misses.jsonl",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd, env) },
	}
	f.replayFlags.register(cmd)
	f.registerProvider(cmd)
	flags := cmd.Flags()
	flags.Lookup("output").Usage = "answer as FORMAT[=FILE]: text, json, markdown, misses (repeatable; default text)"
	flags.StringArrayVar(&f.candidates, "candidate", nil, "policies to compare (required, repeatable)")
	flags.IntVar(&f.count, "clusters", 0, "how many clusters, the capture's in turn (default: the capture's)")
	flags.IntVar(&f.parallel, "parallel", 2*runtime.NumCPU(), "clusters that run at a time")
	flags.IntVar(&f.requests, "requests", 0, "how many requests a cluster gets, drawn by the seed (default: all)")
	flags.Uint64Var(&f.seed, "seed", 1, "what is drawn at random")
	_ = cmd.MarkFlagRequired("candidate")
	return cmd
}

func (f *fidelityFlags) run(cmd *cobra.Command, env Env) error {
	if len(f.outputs) == 0 {
		f.outputs = []string{"text"}
	}
	outputs, err := parseOutputsOf(f.outputs, render.ComparisonNames())
	if err != nil {
		return err
	}
	f.outputs = nil
	q, err := f.question(env)
	if err != nil {
		return err
	}
	f.baseline = "none"
	s := &scenarios.Scenario{Seed: f.seed, Stages: rollout.CompareStages(f.candidates...)}
	s.Traffic.Requests, s.Fleet.Count = f.requests, f.count
	plan, err := f.plan(cmd, env, q, s)
	if err != nil {
		return err
	}
	for _, spec := range f.candidates {
		if q.candidate, err = q.loadOne(cmd.Context(), spec); err != nil {
			return malformed(err, "")
		}
		if _, err := q.compile(cmd.Context()); err != nil {
			return err
		}
	}
	stale(cmd.Context(), env, f.fleetFlags)
	f.name = "rehearsal-" + strconv.Itoa(os.Getpid())
	p, err := f.open(env)
	if err != nil {
		return err
	}
	all, failure := rollout.Compare(cmd.Context(), plan, rollout.Options{
		Provider: p, Parallel: f.parallel, Engine: q.engine, Workers: q.workers, Now: env.Now, Progress: progress(env),
	})
	if err := writeComparison(env, outputs, all); err != nil {
		return err
	}
	if cmd.Context().Err() != nil {
		return failure
	}
	var agreed, compared int
	for _, c := range all {
		a, n := c.Agreement()
		agreed, compared = agreed+a, compared+n
	}
	switch {
	case failure != nil:
		return unanswered(failure)
	case compared == 0:
		return unanswered(errors.New("nothing could be compared"))
	case agreed < compared:
		return errExceeded
	}
	return nil
}

func writeComparison(env Env, outputs []output, all []*timeline.Comparison) error {
	return writeEach(env, outputs, "answer", func(w io.Writer, format string, opt render.Options) error {
		return render.Comparisons(w, format, all, opt)
	})
}
