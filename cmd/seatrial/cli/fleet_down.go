package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fleet"
)

func newFleetDown(env Env) *cobra.Command {
	var f fleetFlags
	var all, forget bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "End every process of a fleet and remove its data",
		Args:  cobra.NoArgs,
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every fleet, those that interrupted rehearsals left included")
	cmd.Flags().BoolVar(&forget, "forget", false, "give up clusters that exist already and cannot be reached, and say what may be left there")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		names := []string{f.name}
		if all {
			var err error
			if names, err = fleetNames(); err != nil {
				return unanswered(err)
			}
		}
		var failed []error
		for _, n := range names {
			one := f
			one.name = n
			p, err := one.open(env)
			if err != nil {
				return err
			}
			if err := remove(cmd.Context(), env, n, p, forget); err != nil {
				failed = append(failed, fmt.Errorf("fleet %s: %w", n, err))
			}
		}
		if len(failed) > 0 {
			return unanswered(errors.Join(failed...))
		}
		return nil
	}
	return cmd
}

// remove removes one fleet and says what happened.
func remove(ctx context.Context, env Env, name string, p cluster.Provider, forget bool) error {
	down := func(ctx context.Context, p cluster.Provider) (removed, left []string, err error) {
		removed, err = fleet.Down(ctx, p)
		return removed, nil, err
	}
	if forget {
		down = fleet.Forget
	}
	removed, left, err := down(ctx, p)
	for _, l := range left {
		fmt.Fprintf(env.Stderr, "fleet %s: %s\n", name, l)
	}
	if err == nil {
		fmt.Fprintf(env.Stderr, "fleet %s: removed %d clusters\n", name, len(removed)-len(left))
	}
	return err
}
