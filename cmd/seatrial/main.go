// Command seatrial replays captured Kubernetes workloads against candidate Kyverno
// policies and reports the blast radius before anything ships.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/seatrial/seatrial/cmd/seatrial/cli"
)

func main() {
	ctx, gone := interruptible()
	env := cli.OS()
	env.Stdout, env.Stderr = piped(os.Stdout, gone), piped(os.Stderr, gone)
	code := cli.Main(ctx, env)
	if errors.Is(context.Cause(ctx), syscall.EPIPE) { // as every program ends whose reader is gone
		signal.Reset(syscall.SIGPIPE)
		_ = syscall.Kill(os.Getpid(), syscall.SIGPIPE)
	}
	os.Exit(code)
}
