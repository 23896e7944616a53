// Command seatrial replays captured Kubernetes workloads against candidate Kyverno
// policies and reports the blast radius before anything ships.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/seatrial/seatrial/cmd/seatrial/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, cli.OS())
	stop()
	os.Exit(code)
}
