package cluster

import (
	"context"
	"time"
)

// A Runner runs programs beside the clusters of a fleet. Providers whose clusters are
// processes of this machine are runners.
type Runner interface {
	// Run starts a program, args[0] with the others as arguments, and env beside PATH and
	// HOME. It ends with the fleet at the latest.
	Run(name string, args, env []string) (Program, error)
}

// A Program is one that runs beside a fleet.
type Program interface {
	PID() int
	Alive() bool
	// Stop asks the program to end, ends it when it has not within the patience, and
	// returns when its process is gone.
	Stop(ctx context.Context, patience time.Duration) error
	// Tail is the end of what it wrote, at most the last bytes given.
	Tail(bytes int64) ([]byte, error)
}
