package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/harness/fleet"
)

func newFleet(env Env) *cobra.Command {
	verb := &cobra.Command{
		Use:   "fleet",
		Short: "Start, look at and remove fleets of clusters on this machine",
		Long: "fleet runs clusters that behave like yours: real kube-apiservers with real Kyverno, as\n" +
			"plain processes of this machine. They have no nodes: what is admitted is stored, and\n" +
			"no container runs. They listen on the loopback address only. With --provider kind the\n" +
			"nodes are containers of a Docker engine, and pods run.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	verb.AddCommand(newFleetUp(env), newFleetStatus(env), newFleetDown(env), newFleetPrepare(env), newFleetNodeImage(env))
	return verb
}

// fleetFlags are the flags by which a fleet is found.
type fleetFlags struct {
	name     string
	provider string
	yes      bool
}

func (f *fleetFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", "default", "name of the fleet")
	f.registerProvider(cmd)
}

func (f *fleetFlags) registerProvider(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.provider, "provider", "", "what makes the clusters that name no provider themselves: "+embedded.Kind+" (default), "+kind.Kind)
}

func (f *fleetFlags) registerYes(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.yes, "yes", false, "policies may be written to the clusters that exist already; otherwise a terminal is asked")
}

// open is the provider of the named fleet, whatever makes its clusters.
func (f *fleetFlags) open(env Env) (cluster.Provider, error) {
	if f.name == "" || strings.ContainsAny(f.name, `/\`) || strings.HasPrefix(f.name, ".") {
		return nil, malformed(fmt.Errorf("--name: %q is no name of a fleet", f.name), "")
	}
	dir, err := fleet.Dir(f.name)
	if err != nil {
		return nil, unanswered(err)
	}
	return f.providers(env, dir)
}

func fleetError(err error) error {
	switch {
	case errors.Is(err, cluster.ErrExists):
		return malformed(err, "remove it first: seatrial fleet down, or give the new one another --name")
	case errors.Is(err, cluster.ErrUnsupported):
		return malformed(err, "")
	}
	return unanswered(err)
}

// fleetNames lists the fleets there are, sorted.
func fleetNames() ([]string, error) {
	dir, err := fleet.Dir(".")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Clean(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
