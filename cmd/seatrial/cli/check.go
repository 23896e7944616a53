package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/policy"
)

func newCheck(env Env) *cobra.Command {
	var f replayFlags
	var hub hubFlags
	var dir, base, head string
	cmd := &cobra.Command{
		Use:   "check --policies DIR|--hub DIR --base REV [--head REV] --capture FILE",
		Short: "The pull-request check: replay a capture under two git revisions of a policy folder",
		Long: "check compares the policy folder at two revisions and replays the capture under\n" +
			"both; policies that did not change are judged once. Without --head the working tree\n" +
			"is the candidate. In GitHub Actions it writes a summary and annotations.\n\n" +
			"With --hub the folder holds hub objects: each captured cluster is judged under what\n" +
			"KubeFleet would place on it at every stage of the change.",
		Example: "  seatrial check --policies policies --base origin/main --capture fleet.capture\n" +
			"  seatrial check --hub hub --base origin/main --fleet fleet.yaml --capture fleet.capture",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.question(env)
			if err != nil {
				return err
			}
			if hub.Hub != "" {
				if strings.HasPrefix(hub.Hub, "git:") || strings.HasPrefix(hub.Hub, "context:") {
					return malformed(fmt.Errorf("--hub %s: check compares a folder at two revisions", hub.Hub), "name the folder, and the revisions with --base and --head; or ask seatrial replay --hub")
				}
				dir = hub.Hub
			} else if hub.asked() {
				return malformed(errors.New("--fleet and --event are about a hub"), "name its folder with --hub")
			}
			inRepo, err := policy.PathInRepository(cmd.Context(), dir)
			if err != nil {
				return malformed(err, "check compares git revisions: run it inside the repository of the policies")
			}
			if err := q.askRevisions(cmd, &hub, dir, inRepo, base, head); err != nil {
				return err
			}
			report, err := q.answer(cmd.Context())
			if err != nil {
				if env.Getenv("GITHUB_ACTIONS") == "true" { // there is no report, and the lines are known
					annotate(env.Stderr, inRepo, &reports.Report{Rejected: q.rejected})
				}
				return err
			}
			if err := github(env, inRepo, report); err != nil {
				return err
			}
			return f.finish(env, q, report)
		},
	}
	f.register(cmd)
	hub.register(cmd, "hub-from")
	flags := cmd.Flags()
	_ = flags.MarkHidden("hub-from") // it is --base
	flags.StringVar(&dir, "policies", "", "policy folder (required without --hub)")
	flags.StringVar(&base, "base", "", "git revision of the policies in force, or none (required)")
	flags.StringVar(&head, "head", "", "git revision of the candidate (default: the working tree)")
	cmd.MarkFlagsOneRequired("policies", "hub")
	cmd.MarkFlagsMutuallyExclusive("policies", "hub")
	_ = cmd.MarkFlagRequired("base")
	return cmd
}

// askRevisions reads both sides: two policy folders, or two states of a hub's folder.
func (q *question) askRevisions(cmd *cobra.Command, hub *hubFlags, dir, inRepo, base, head string) error {
	if hub.Hub == "" {
		return q.loadRevisions(cmd, dir, inRepo, base, head)
	}
	if len(hub.From) > 0 {
		return malformed(errors.New("--hub-from: check takes the hub before from --base"), "")
	}
	hub.From = []string{baseOf(base, inRepo)}
	if head != "" {
		hub.Hub = gitSpec(head, inRepo)
	}
	return q.askHub(cmd.Context(), hub, "")
}

// loadRevisions reads both sides. A folder that one of them does not have is empty there:
// the change adds it, or removes it. A folder that neither has is a mistake.
func (q *question) loadRevisions(cmd *cobra.Command, dir, inRepo, base, head string) error {
	candidate := dir
	if slices.Contains([]string{"captured", "none", "-"}, dir) {
		candidate = "./" + dir // a folder, whatever its name means elsewhere
	}
	if head != "" {
		candidate = gitSpec(head, inRepo)
	}
	var baseErr, headErr error
	q.baseline, baseErr = loadSet(cmd, baseOf(base, inRepo), "--base")
	q.candidate, headErr = loadSet(cmd, candidate, "--policies")
	baseGone, headGone := isGone(baseErr), isGone(headErr)
	switch {
	case baseErr != nil && !baseGone, baseGone && headErr != nil:
		return baseErr
	case headErr != nil && (!headGone || base == "none"):
		return headErr
	case baseGone:
		q.baseline = policy.FromObjects(gitSpec(base, inRepo), nil)
		q.notes = append(q.notes, fmt.Sprintf("%s has no policies at %s: every policy counts as added", inRepo, base))
	case headGone:
		q.candidate = policy.FromObjects(candidate, nil)
		q.notes = append(q.notes, inRepo+" has no policies any more: every policy counts as removed")
	}
	return nil
}

func isGone(err error) bool {
	return errors.Is(err, policy.ErrNoPath) || errors.Is(err, policy.ErrEmpty) || errors.Is(err, fs.ErrNotExist)
}

// baseOf is the state before; none is nothing in force.
func baseOf(base, inRepo string) string {
	if base == "none" {
		return base
	}
	return gitSpec(base, inRepo)
}

func gitSpec(rev, dir string) string { return fmt.Sprintf("git:%s:%s", rev, dir) }
