package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
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

// showBuild draws how far the build of a program is: one line that is redrawn on a
// terminal, a line for the beginning and the end elsewhere.
func showBuild(env Env) func(binaries.Event) {
	terminal := isTerminal(env.Stderr)
	begun := map[binaries.Name]bool{}
	return func(e binaries.Event) {
		switch {
		case e.Built && terminal:
			fmt.Fprintf(env.Stderr, "\r\033[Kbuilt %s %s\n", e.Name, e.Version)
		case e.Built:
			fmt.Fprintf(env.Stderr, "built %s %s\n", e.Name, e.Version)
		case terminal:
			fmt.Fprintf(env.Stderr, "\r\033[Kbuilding %s %s: %d of %d packages", e.Name, e.Version, e.Done, e.Total)
		case !begun[e.Name] && e.Total > 0:
			begun[e.Name] = true
			fmt.Fprintf(env.Stderr, "building %s %s, once for this machine: %d packages\n", e.Name, e.Version, e.Total)
		}
	}
}

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

func newFleetPrepare(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "prepare",
		Short: "Build the programs that fleets run, once for this machine, so that nothing waits for it later",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			start := time.Now()
			paths, err := binaries.Default(showBuild(env)).Get(cmd.Context(), binaries.ForFleets()...)
			if err != nil {
				return unanswered(err)
			}
			for _, n := range binaries.ForFleets() {
				fmt.Fprintf(env.Stdout, "%s\t%s\n", n, paths[n])
			}
			fmt.Fprintf(env.Stderr, "everything is there after %.0f s\n", time.Since(start).Seconds())
			return nil
		},
	}
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
	if count < 0 {
		return nil, fmt.Errorf("--clusters: %d, want 1 or more", count)
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

func newFleetStatus(env Env) *cobra.Command {
	var f fleetFlags
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how each cluster of a fleet is; exit code 3 when one is not ready",
		Args:  cobra.NoArgs,
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if format != "text" && format != "json" {
			return malformed(fmt.Errorf("unknown format %q", format), "known formats: text, json")
		}
		p, err := f.open(env)
		if err != nil {
			return err
		}
		all, err := statuses(cmd.Context(), p)
		if err != nil {
			return unanswered(err)
		}
		if format == "json" {
			err = json.NewEncoder(env.Stdout).Encode(all)
		} else {
			err = printStatus(env.Stdout, f.name, all)
		}
		if err == nil && slices.ContainsFunc(all, func(s cluster.Status) bool { return !s.Ready }) {
			err = unanswered(errors.New("not every cluster is ready"))
		}
		return err
	}
	return cmd
}

func statuses(ctx context.Context, p cluster.Provider) ([]cluster.Status, error) {
	names, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]cluster.Status, len(names))
	var group sync.WaitGroup
	for i, n := range names {
		group.Go(func() {
			c, err := p.Open(ctx, n)
			if err != nil {
				all[i] = cluster.Status{Name: n, Parts: []cluster.Part{{Error: "half made: " + err.Error()}}}
				return
			}
			all[i] = c.Status(ctx)
		})
	}
	group.Wait()
	return all, nil
}

func printStatus(w io.Writer, name string, all []cluster.Status) error {
	if len(all) == 0 {
		_, err := fmt.Fprintf(w, "the fleet %s has no clusters\n", name)
		return err
	}
	for _, s := range all {
		state := "ready"
		if !s.Ready {
			state = "NOT READY"
		}
		var memory int64
		for _, p := range s.Parts {
			memory += p.Memory
		}
		fmt.Fprintf(w, "%-24s %-10s %5d MiB\n", s.Name, state, memory>>20)
		for _, p := range s.Parts {
			line := fmt.Sprintf("  %-32s %-21s", p.Component, p.Address)
			if p.Running {
				line += fmt.Sprintf(" pid %-8d %5d MiB", p.PID, p.Memory>>20)
			}
			if p.Error != "" {
				line += "  " + p.Error
			}
			if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

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
