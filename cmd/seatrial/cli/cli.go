// Package cli is the seatrial command: one file per verb, flags and run function
// together. [Main] is all that a test needs: arguments, streams and environment come
// in through [Env], the exit code goes out.
//
// Rules of the terminal: results go to standard output, everything else to standard
// error. An error is one line, "seatrial: lower case, no full stop", with a hint on the
// next line when we know one. Progress is drawn on a terminal only; NO_COLOR and CI are
// honoured. Display flags never change results or exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// The exit codes. They are part of the command's contract.
const (
	exitOK         = 0 // answered, within budget
	exitExceeded   = 1 // answered, budget exceeded
	exitUsage      = 2 // the question was malformed: usage, unreadable or invalid input
	exitUnanswered = 3 // could not be answered
)

// Env is what a process has: arguments, streams, environment, working directory, clock.
type Env struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	Now    func() time.Time
}

// OS is the environment of this process.
func OS() Env {
	return Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Now: time.Now,
	}
}

// exitError carries an exit code, and a hint that is printed below the error.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// malformed marks err as the asker's mistake (exit code 2). hint may be empty.
func malformed(err error, hint string) error { return &exitError{exitUsage, err, hint} }

// unanswered marks err as ours (exit code 3): the question was fine. What is marked already
// stays as it is.
func unanswered(err error) error {
	var exit *exitError
	if errors.As(err, &exit) {
		return exit
	}
	return &exitError{exitUnanswered, err, ""}
}

// errExceeded ends a verb with exit code 1 and without a message: the report has said it.
var errExceeded = &exitError{code: exitExceeded, err: errors.New("budget exceeded")}

// Main runs one command line and returns its exit code.
func Main(ctx context.Context, env Env) int {
	root := newRoot(env)
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	// Until a verb has said otherwise, every error is a malformed question.
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = misused(root, env.Args, err)
		err = exit
	}
	if errors.Is(context.Cause(ctx), syscall.EPIPE) {
		return exitUnanswered // nobody reads
	}
	if ctx.Err() != nil {
		fmt.Fprintln(env.Stderr, "seatrial: interrupted")
		return exitUnanswered
	}
	if exit.code != exitExceeded {
		fmt.Fprintf(env.Stderr, "seatrial: %v\n", err)
	}
	if exit.hint != "" {
		fmt.Fprintf(env.Stderr, "  hint: %s\n", exit.hint)
	}
	return exit.code
}

func newRoot(env Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "seatrial",
		Short:         "Sea trials for Kubernetes policy",
		Long:          "seatrial replays captured production workloads against candidate Kyverno policies,\noffline, and reports the blast radius before anything ships.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		newCapture(env),
		newReplay(env),
		newCheck(env),
		newPlan(env),
		newTest(env),
		newRehearse(env),
		newFidelity(env),
		newDrift(env),
		newFleet(env),
		newReport(env),
		newVersion(env),
	)
	givenOnce(root)
	return root
}
