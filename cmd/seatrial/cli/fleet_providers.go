package cli

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/cluster/existing"
	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/harness/fleet"
)

// providers are all that there are, those of kind and of existing clusters in folders of their
// own within the fleet's, the one that the flag names first.
func (f *fleetFlags) providers(env Env, dir string) (cluster.Provider, error) {
	if p := f.provider; p != "" && p != embedded.Kind && p != kind.Kind {
		return nil, malformed(fmt.Errorf("unknown provider %q", p),
			"known providers: "+embedded.Kind+", "+kind.Kind+"; clusters that exist already are named in a file")
	}
	log := func(format string, args ...any) { fmt.Fprintf(env.Stderr, format+"\n", args...) }
	store := binaries.Default(showBuild(env))
	e, err := embedded.New(dir, store, log)
	if err != nil {
		return nil, unanswered(err)
	}
	k, err := kind.New(filepath.Join(dir, kind.Kind), store, log)
	if err != nil {
		return nil, unanswered(err)
	}
	x, err := existing.New(filepath.Join(dir, existing.Kind), f.confirm(env))
	if err != nil {
		return nil, unanswered(err)
	}
	if f.provider == kind.Kind {
		return fleet.Mixed{k, e, x}, nil
	}
	return fleet.Mixed{e, k, x}, nil
}

// confirm asks a person whether something may be written to a cluster that exists already.
func (f *fleetFlags) confirm(env Env) func(context.Context, string) error {
	return func(ctx context.Context, what string) error {
		switch {
		case f.yes:
			fmt.Fprintln(env.Stderr, what)
			return nil
		case !isTerminal(env.Stdin):
			return fmt.Errorf("%w: nobody could be asked about %s (hint: --yes)", existing.ErrNotConfirmed, what)
		}
		fmt.Fprintf(env.Stderr, "%s\ngo on? [y/N] ", what)
		line, err := bufio.NewReader(env.Stdin).ReadString('\n')
		if err != nil || !strings.EqualFold(strings.TrimSpace(line), "y") {
			return existing.ErrNotConfirmed
		}
		return ctx.Err()
	}
}
