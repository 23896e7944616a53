package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/cluster"
)

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
			switch {
			case p.PID > 0:
				line += fmt.Sprintf(" pid %-8d %5d MiB", p.PID, p.Memory>>20)
			case p.Running: // in a node, whose memory is the cluster's
				line += " runs"
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
