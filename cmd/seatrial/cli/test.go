package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports/render"
	"github.com/seatrial/seatrial/simulator/suite"
)

type testFlags struct {
	outputs []string
	workers int
	compat  string
	at      string
	all     bool
}

func newTest(env Env) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test PATH…",
		Short: "Run the test suites of policies: kyverno-test.yaml files",
		Long: "test runs kyverno-test.yaml files (cli.kyverno.io/v1alpha1) with the engine that\n" +
			"replays captures: every expected result becomes one row, the same every time.\n" +
			"A PATH is a file or a folder, which is searched.\n\n" +
			"--compat cli keeps the ways of Kyverno's own runner where a cluster's differ;\n" +
			"docs/fidelity.md lists them.\n\n" +
			"Exit codes: 0 all as expected, 1 some results differ, 2 a suite cannot be read,\n" +
			"3 some results could not be had.",
		Example: "  seatrial test policies/\n  seatrial test policies/ -o text -o junit=out.xml",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, env, args) },
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "answer as FORMAT[=FILE]: "+strings.Join(render.SuiteNames(), ", ")+" (repeatable; default text)")
	flags.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "suites run at a time; the result is the same for any number")
	flags.StringVar(&f.compat, "compat", "", "cli: keep the ways of Kyverno's own runner")
	flags.StringVar(&f.at, "at", "", "clock of policies and exceptions, as 2026-11-23T08:00:00Z (default now)")
	flags.BoolVar(&f.all, "all", false, "text: show the results that are as expected, too")
	return cmd
}

func (f *testFlags) run(cmd *cobra.Command, env Env, args []string) error {
	if len(f.outputs) == 0 {
		f.outputs = []string{"text"}
	}
	outputs, err := parseOutputsOf(f.outputs, render.SuiteNames())
	if err != nil {
		return err
	}
	if f.workers < 1 {
		return malformed(fmt.Errorf("--workers: %d, want 1 or more", f.workers), "")
	}
	opt := suite.Options{CLI: f.compat == "cli"}
	if !slices.Contains([]string{"", "cli"}, f.compat) {
		return malformed(fmt.Errorf("--compat: %q is not known", f.compat), "the only value is cli")
	}
	if opt.At, err = clock(env, f.at); err != nil {
		return err
	}
	files, err := suite.Find(args...)
	if err != nil {
		return malformed(err, "")
	}
	if len(files) == 0 {
		return malformed(fmt.Errorf("no %s below %s", suite.FileName, strings.Join(args, ", ")), "name a file to run one of another name")
	}
	r, unread := suite.NewRunner(opt).RunAll(cmd.Context(), files, f.workers)
	if r == nil || r.Summary.Suites == 0 && unread != nil {
		return malformed(unread, "")
	}
	if r.Summary.Results == 0 && !opt.CLI && unread == nil {
		return malformed(errors.New("nothing is expected: the suites have no results"), "list under results what policies should say of the resources")
	}
	for _, file := range r.Silent {
		fmt.Fprintf(env.Stderr, "%s has no results: it tests nothing\n", file)
	}
	if err := f.write(env, outputs, r); err != nil {
		return err
	}
	switch {
	case unread != nil: // the others have been answered
		return malformed(unread, "")
	case r.Summary.Failed > 0:
		return errExceeded
	case r.Summary.Errors > 0:
		return unanswered(errors.New("some results could not be had"))
	}
	return nil
}

func (f *testFlags) write(env Env, outputs []output, r *suite.Report) error {
	for _, o := range outputs {
		opt := render.Options{Detail: f.all}
		if o.file == "-" {
			opt.Color, opt.Width = terminal(env)
		}
		var content bytes.Buffer
		if err := render.Suites(&content, o.format, r, opt); err != nil {
			return fmt.Errorf("write the %s answer: %w", o.format, err)
		}
		if err := put(env, o, &content); err != nil {
			return err
		}
	}
	return nil
}

// put writes a report to its file, or to standard output.
func put(env Env, o output, content *bytes.Buffer) error {
	if o.file == "-" {
		if _, err := content.WriteTo(env.Stdout); err != nil {
			return fmt.Errorf("write the %s report: %w", o.format, err)
		}
		return nil
	}
	if err := writeFile(o.file, func(w io.Writer) error { _, err := content.WriteTo(w); return err }); err != nil {
		return err
	}
	fmt.Fprintf(env.Stderr, "wrote %s\n", o.file)
	return nil
}

// clock reads --at; without it, it is now.
func clock(env Env, at string) (time.Time, error) {
	if at == "" {
		return env.Now().UTC().Truncate(time.Second), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return t, malformed(fmt.Errorf("--at: %q is no time", at), "write it as 2026-11-23T08:00:00Z")
	}
	return t, nil
}
