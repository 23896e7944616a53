package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/fleet"
)

func newFleetDown(env Env) *cobra.Command {
	var f fleetFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "End every process of a fleet and remove its data",
		Args:  cobra.NoArgs,
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every fleet, those that interrupted rehearsals left included")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		names := []string{f.name}
		if all {
			var err error
			if names, err = fleetNames(); err != nil {
				return unanswered(err)
			}
		}
		for _, n := range names {
			one := f
			one.name = n
			p, err := one.open(env)
			if err != nil {
				return err
			}
			removed, err := fleet.Down(cmd.Context(), p)
			if err != nil {
				return unanswered(err)
			}
			fmt.Fprintf(env.Stderr, "fleet %s: removed %d clusters\n", n, len(removed))
		}
		return nil
	}
	return cmd
}
