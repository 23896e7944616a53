package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/drift"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

type driftFlags struct {
	hubFlags
	capture            string
	at                 string
	budget             string
	outputs            []string
	workers            int
	exceptionNamespace string
}

func newDrift(env Env) *cobra.Command {
	var f driftFlags
	cmd := &cobra.Command{
		Use:   "drift --hub HUB --capture FILE [--fleet FILE] [--from HUB]",
		Short: "Compare what a hub intends for each cluster with what a capture shows is installed",
		Long: "drift reads a hub's objects, foretells what each cluster of the fleet should hold, and\n" +
			"compares that with the policies and exceptions that the capture shows there: missing,\n" +
			"extra, left behind, weakened, another version; exceptions that the hub does not know,\n" +
			"that have expired, that no captured request needed.\n\n" +
			"A HUB is a folder, a file, git:REVISION:PATH or context:NAME, which is only read. Without\n" +
			"--fleet the clusters are the hub's MemberClusters, or the capture's where it has none.\n\n" +
			"Exit codes: 0 within budget, 1 budget exceeded, 2 malformed question, 3 a cluster or an\n" +
			"object could not be compared.",
		Example: "  seatrial drift --hub hub/ --fleet fleet.yaml --capture fleet.capture\n" +
			"  seatrial drift --hub git:main:hub --capture fleet.capture -o text -o html=drift.html -o openmetrics=drift.prom\n" +
			"  seatrial drift --hub context:hub --capture fleet.capture",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, env) },
	}
	f.registerStates(cmd, "from")
	flags := cmd.Flags()
	flags.StringVar(&f.capture, "capture", "", "capture of the clusters (required)")
	flags.StringVar(&f.at, "at", "", "clock that policies read, and by which exceptions expire, as 2026-11-23T08:00:00Z (default now)")
	flags.StringVar(&f.budget, "budget", "", "seatrial.yaml with the budget of drift")
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "answer as FORMAT[=FILE]: "+strings.Join(render.DriftNames(), ", ")+" (repeatable; default text)")
	flags.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "records judged at a time; the result is the same for any number")
	flags.StringVar(&f.exceptionNamespace, "exception-namespace", "", "honour PolicyExceptions in this namespace only, as Kyverno's --exceptionNamespace does")
	_ = cmd.MarkFlagRequired("hub")
	_ = cmd.MarkFlagRequired("capture")
	return cmd
}

// run is the flow of drift: hub → plan → what each cluster should hold ┐
// capture → what it holds, and what its exceptions did for its requests ┴▶ compare → report.
func (f *driftFlags) run(cmd *cobra.Command, env Env) error {
	q, err := f.question(cmd, env)
	if err != nil {
		return err
	}
	if err := q.replay(cmd.Context()); err != nil {
		return err
	}
	report, err := q.report()
	if err != nil {
		return err
	}
	if err := writeDrift(env, q.outputs, report); err != nil {
		return err
	}
	switch report.Status {
	case reports.BudgetExceeded:
		return errExceeded
	case reports.Unanswered:
		return unanswered(errors.New("not everything could be compared"))
	}
	return nil
}

// driftQuestion is what drift is asked, and what it has found out so far.
type driftQuestion struct {
	outputs []output
	config  blast.Config
	at      time.Time
	workers int
	engine  kyverno.Options

	*planned
	capture  *capture.Capture
	traffic  map[string]*drift.Traffic
	compiler *kyverno.Compiler
	from, to *time.Time
	notes    []string
}

// question checks the flags and reads what they name.
func (f *driftFlags) question(cmd *cobra.Command, env Env) (*driftQuestion, error) {
	if len(f.outputs) == 0 {
		f.outputs = []string{"text"}
	}
	q := &driftQuestion{workers: f.workers}
	var err error
	if q.outputs, err = parseOutputsOf(f.outputs, render.DriftNames()); err != nil {
		return nil, err
	}
	if f.workers < 1 {
		return nil, malformed(fmt.Errorf("--workers: %d, want 1 or more", f.workers), "")
	}
	if q.at, err = clock(env, f.at); err != nil {
		return nil, err
	}
	q.engine = kyverno.Options{At: q.at, ExceptionNamespace: f.exceptionNamespace}
	if q.config, err = readBudget(f.budget); err != nil {
		return nil, err
	}
	if q.capture, err = openCapture(f.capture); err != nil {
		return nil, err
	}
	// What is installed is no part of the question: a hub intends the same whatever is there.
	opt := f.options(cmd.Context(), env, q.at, q.capture, nil)
	opt.RunsElsewhere = true
	if q.planned, err = f.answered(cmd.Context(), opt); err != nil {
		return nil, err
	}
	if len(q.After.Objects) == 0 && len(q.plan.Problems) > 0 {
		p := q.plan.Problems[0]
		return nil, malformed(fmt.Errorf("%s holds nothing that could be placed: %s:%d: %s would be refused: %s", q.After.Source, p.File, p.Line, p.Policy, p.Reason), "seatrial plan shows all that is refused")
	}
	if len(q.After.Objects) == 0 {
		return nil, malformed(fmt.Errorf("%s holds nothing that could be placed", q.After.Source), "name the folder that holds policies and placements")
	}
	q.notes = q.planNotes()
	return q, nil
}

func writeDrift(env Env, outputs []output, d *reports.Drift) error {
	return writeEach(env, outputs, "answer", func(w io.Writer, format string, opt render.Options) error {
		return render.Drift(w, format, d, opt)
	})
}
