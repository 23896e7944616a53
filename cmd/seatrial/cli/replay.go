package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/answers"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// replayFlags are the flags that replay and check share.
type replayFlags struct {
	captureFile        string
	outputs            []string
	workers            int
	config             string
	at                 string
	as                 string
	asGroups           []string
	exceptionNamespace string
	everything         bool
	skipRejected       bool
	policyReports      bool
	answers            string
}

func (f *replayFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.captureFile, "capture", "", "capture to replay (required)")
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "report as FORMAT[=FILE]: text, json, markdown, html, sarif, junit, ledger (repeatable; default text)")
	flags.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "records judged at a time; the result is the same for any number")
	flags.StringVar(&f.config, "budget", "", "seatrial.yaml with the budget and the team labels")
	flags.StringVar(&f.at, "at", "", "clock that policies read, and by which exceptions expire, as 2026-11-23T08:00:00Z (default now)")
	flags.StringVar(&f.as, "as", "", "user of requests that do not say who sent them, as in manifests")
	flags.StringArrayVar(&f.asGroups, "as-group", nil, "group of that user (repeatable)")
	flags.StringVar(&f.exceptionNamespace, "exception-namespace", "", "honour PolicyExceptions in this namespace only, as Kyverno's --exceptionNamespace does")
	flags.BoolVar(&f.everything, "ignore-kyverno-config", false, "judge also what Kyverno's resourceFilters, excluded users and webhook selectors keep from it")
	flags.BoolVar(&f.skipRejected, "skip-rejected", false, "replay without the candidate policies that Kyverno would reject, or with the baseline's where that is an update; they are counted and shown")
	flags.BoolVar(&f.policyReports, "policy-reports", false, "foretell also what Kyverno's background scan would find in the captured objects")
	flags.StringVar(&f.answers, "answers", "", "file with what services answer to the calls of policies")
	_ = cmd.MarkFlagRequired("capture")
}

func newReplay(env Env) *cobra.Command {
	var f replayFlags
	var hub hubFlags
	var candidate, baseline string
	cmd := &cobra.Command{
		Use:   "replay --capture FILE --candidate SET|--hub HUB [--baseline SET]",
		Short: "Replay a capture under two policy sets and report what changes",
		Long: "replay judges every captured request under the baseline and under the candidate\n" +
			"policies with the Kyverno engine, offline; what differs is the blast radius.\n\n" +
			"A SET is a folder, a file, git:REVISION:PATH, captured (what the capture shows as\n" +
			"installed) or none. Without --baseline it is captured, or none where the capture\n" +
			"holds no policies. What is installed and in neither set stays, unless the baseline\n" +
			"is none.\n\n" +
			"With --hub the candidate is a hub change: each captured cluster is judged under what\n" +
			"KubeFleet would place on it, at every stage, beside what it has of its own. The\n" +
			"baseline is the hub before (--hub-from), or captured.\n\n" +
			"Exit codes: 0 within budget, 1 budget exceeded, 2 malformed question, 3 not answered.",
		Example: "  seatrial replay --capture shop.capture --candidate policies/\n" +
			"  seatrial replay --capture shop.capture --baseline git:main:policies --candidate policies -o text -o html=report.html\n" +
			"  seatrial replay --capture shop.capture --hub hub/ --hub-from main --fleet fleet.yaml",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.question(env)
			if err != nil {
				return err
			}
			if err := q.ask(cmd, &hub, candidate, baseline); err != nil {
				return err
			}
			report, err := q.answer(cmd.Context())
			if err != nil {
				return err
			}
			return f.finish(env, q, report)
		},
	}
	f.register(cmd)
	hub.register(cmd, "hub-from")
	cmd.Flags().StringVar(&candidate, "candidate", "", "policies that may ship, - for standard input (required without --hub)")
	cmd.Flags().StringVar(&baseline, "baseline", "", "policies in force today, - for standard input")
	cmd.MarkFlagsOneRequired("candidate", "hub")
	cmd.MarkFlagsMutuallyExclusive("candidate", "hub")
	return cmd
}

// ask reads both sides: two sets, or a hub change.
func (q *question) ask(cmd *cobra.Command, hub *hubFlags, candidate, baseline string) (err error) {
	if hub.Hub != "" {
		return q.askHub(cmd.Context(), hub, baseline)
	}
	if hub.asked() {
		return malformed(errors.New("--hub-from, --fleet and --event are about a hub"), "name it with --hub")
	}
	if candidate == "-" && baseline == "-" {
		return malformed(errors.New("--candidate and --baseline: standard input can be read once"), "write one of them to a file")
	}
	if q.candidate, err = loadSet(cmd, candidate, "--candidate"); err != nil {
		return err
	}
	q.baseline, err = q.loadBaseline(cmd, baseline)
	return err
}

// question checks the flags and opens the capture.
func (f *replayFlags) question(env Env) (*question, error) {
	outputs := f.outputs
	if len(outputs) == 0 {
		outputs = []string{"text"}
	}
	parsed, err := parseOutputs(outputs, ledgerFormat)
	if err != nil {
		return nil, err
	}
	q := &question{env: env, outputs: parsed, workers: f.workers, skipRejected: f.skipRejected, scans: f.policyReports}
	if f.workers < 1 {
		return nil, malformed(fmt.Errorf("--workers: %d, want 1 or more", f.workers), "")
	}
	if q.at, err = clock(env, f.at); err != nil {
		return nil, err
	}
	if q.config, err = readBudget(f.config); err != nil {
		return nil, err
	}
	q.as = impersonated(f.as, f.asGroups)
	if f.as == "" && len(f.asGroups) > 0 {
		return nil, malformed(errors.New("--as-group needs --as"), "")
	}
	q.engine = kyverno.Options{At: q.at, ExceptionNamespace: f.exceptionNamespace, IgnoreConfiguration: f.everything}
	if f.answers != "" {
		content, err := os.ReadFile(f.answers)
		if err != nil {
			return nil, malformed(fmt.Errorf("read the answers: %w", err), "")
		}
		if q.engine.Answers, err = answers.Parse(f.answers, content); err != nil {
			return nil, malformed(err, "docs/answers.md describes the file")
		}
	}
	q.capture, err = openCapture(f.captureFile)
	return q, err
}

func openCapture(file string) (*capture.Capture, error) {
	c, err := capture.Open(file)
	if err != nil {
		hint := ""
		if errors.Is(err, capture.ErrFormat) {
			hint = "write captures with seatrial capture"
		}
		return nil, malformed(err, hint)
	}
	return c, nil
}

// readBudget reads a seatrial.yaml; the default budget where none is named.
func readBudget(file string) (blast.Config, error) {
	if file == "" {
		return blast.Config{}, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return blast.Config{}, malformed(fmt.Errorf("read the budget: %w", err), "")
	}
	config, err := blast.ParseConfig(file, content)
	if err != nil {
		return blast.Config{}, malformed(err, "docs/budget.md describes the file")
	}
	return config, nil
}

func loadSet(cmd *cobra.Command, spec, flag string) (*policy.Set, error) {
	if spec == "captured" {
		return nil, nil // each cluster has its own
	}
	set, err := policy.Load(cmd.Context(), spec, policy.Options{Stdin: cmd.InOrStdin()})
	if err != nil {
		hint := ""
		if errors.Is(err, policy.ErrEmpty) {
			hint = "to replay without policies, say " + flag + " none"
			if (policy.Problem{File: spec}).IsKustomization() {
				hint = "name the folder of the kustomization: it is read as kustomize builds it"
			}
		}
		return nil, malformed(fmt.Errorf("%s: %w", flag, err), hint)
	}
	return set, nil
}

// loadBaseline reads the baseline, or chooses it where none was named.
func (q *question) loadBaseline(cmd *cobra.Command, spec string) (*policy.Set, error) {
	if spec == "" {
		spec = "none"
		for _, c := range q.capture.Clusters {
			if len(kyverno.InstalledPolicies(q.capture.World(c.Name)).Objects) > 0 {
				spec = "captured"
			}
		}
	}
	return loadSet(cmd, spec, "--baseline")
}

// finish writes the reports and turns the status into an exit code.
func (f *replayFlags) finish(env Env, q *question, report *reports.Report) error {
	if err := writeReports(env, q.outputs, report); err != nil {
		return err
	}
	switch report.Status {
	case reports.BudgetExceeded:
		return errExceeded
	case reports.Unanswered:
		return unanswered(errors.New("too much could not be answered"))
	}
	return nil
}

// impersonated is a user as the API server makes one of what kubectl is told by --as and
// --as-group.
func impersonated(name string, groups []string) capture.User {
	if name == "" {
		return capture.User{}
	}
	if namespace, _, err := serviceaccount.SplitUsername(name); err == nil && len(groups) == 0 {
		groups = serviceaccount.MakeGroupNames(namespace)
	}
	authenticated := user.AllAuthenticated
	if name == user.Anonymous {
		authenticated = user.AllUnauthenticated
	}
	if !slices.Contains(groups, user.AllAuthenticated) && !slices.Contains(groups, user.AllUnauthenticated) {
		groups = append(slices.Clone(groups), authenticated)
	}
	return capture.User{Username: name, Groups: groups}
}
