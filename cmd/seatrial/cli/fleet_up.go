package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
)

func newFleetUp(env Env) *cobra.Command {
	var f fleetFlags
	var count, parallel int
	var file, captureFile string
	var components []string
	var k kindFlags
	cmd := &cobra.Command{
		Use:   "up [--clusters N | --file fleet.yaml | --capture FILE]",
		Short: "Start a fleet; it runs until fleet down",
		Example: "  seatrial fleet up --clusters 3\n" +
			"  export KUBECONFIG=$(seatrial fleet up --file fleet.yaml)\n" +
			"  seatrial fleet up --provider kind --clusters 2 --workers 1",
		Args: cobra.NoArgs,
	}
	f.register(cmd)
	f.registerYes(cmd)
	k.register(cmd)
	cmd.Flags().IntVar(&count, "clusters", 0, "how many clusters (default: as the file or the capture says, or 1)")
	cmd.Flags().StringVar(&file, "file", "", "fleet.yaml with names, labels and components of the clusters")
	cmd.Flags().StringVar(&captureFile, "capture", "", "capture whose clusters' names and labels the fleet gets")
	cmd.Flags().StringSliceVar(&components, "components", nil, "what every cluster runs besides its API server (default kyverno)")
	cmd.Flags().IntVar(&parallel, "parallel", 2*runtime.NumCPU(), "clusters that start at a time")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("clusters") && count < 1 {
			return malformed(fmt.Errorf("--clusters: %d, want 1 or more", count), "")
		}
		if parallel < 1 {
			return malformed(fmt.Errorf("--parallel: %d, want 1 or more", parallel), "")
		}
		clusters, err := fleetSpec(file, captureFile, count, components)
		if err == nil {
			err = k.apply(clusters, f.provider)
		}
		if err != nil {
			return malformed(err, "")
		}
		spec := rollout.Specs(clusters)
		p, err := f.open(env)
		if err != nil {
			return err
		}
		start := time.Now()
		var mu sync.Mutex
		started, err := fleet.Up(cmd.Context(), p, spec, parallel, func(s fleet.Started) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(env.Stderr, "%s is ready after %.1f s\n", s.Name(), s.Took.Seconds())
		})
		if err != nil {
			return fleetError(err)
		}
		path, err := writeKubeconfig(cmd.Context(), f.name, p)
		if err != nil {
			return unanswered(err)
		}
		fmt.Fprintf(env.Stderr, "%d clusters are ready after %.1f s\n", len(started), time.Since(start).Seconds())
		fmt.Fprintln(env.Stdout, path)
		return nil
	}
	return cmd
}

// fleetSpec is the clusters that flags and files ask for.
func fleetSpec(file, captureFile string, count int, components []string) ([]scenarios.Cluster, error) {
	var spec scenarios.FleetSpec
	if file != "" {
		loaded, err := scenarios.LoadFleet(file)
		if err != nil {
			return nil, err
		}
		spec = loaded.Spec
	}
	if count > 0 {
		if len(spec.Clusters) > 0 {
			return nil, errors.New("--clusters: the file lists its clusters")
		}
		spec.Count = count
	}
	var c *capture.Capture
	if captureFile != "" {
		var err error
		if c, err = capture.Open(captureFile); err != nil {
			return nil, err
		}
	} else if spec.Count == 0 && len(spec.Clusters) == 0 {
		spec.Count = 1
	}
	if components != nil {
		spec.Components = components
	}
	if err := scenarios.CheckComponents(components); err != nil {
		return nil, fmt.Errorf("--components: %w", err)
	}
	return rollout.Clusters(spec, c)
}

// writeKubeconfig writes the fleet's kubeconfig into its folder.
func writeKubeconfig(ctx context.Context, fleetName string, p cluster.Provider) (string, error) {
	names, err := p.List(ctx)
	if err != nil {
		return "", err
	}
	var all []cluster.Cluster
	for _, n := range names {
		c, err := p.Open(ctx, n)
		if err != nil {
			return "", err
		}
		all = append(all, c)
	}
	content, err := fleet.Kubeconfig(all)
	if err != nil {
		return "", err
	}
	dir, err := fleet.Dir(fleetName)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "kubeconfig")
	return path, writeFile(path, func(w io.Writer) error { _, err := w.Write(content); return err })
}
