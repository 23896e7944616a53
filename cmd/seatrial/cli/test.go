package cli

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/simulator/suite"
)

func newTest(env Env) *cobra.Command {
	var workers int
	cmd := &cobra.Command{
		Use:   "test PATH…",
		Short: "Run kyverno-test.yaml suites",
		Args:  cobra.MinimumNArgs(1),
	}
	cmd.Flags().IntVar(&workers, "workers", runtime.GOMAXPROCS(0), "suites run at a time")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, err := suite.Find(args...)
		if err != nil {
			return malformed(err, "")
		}
		r, err := suite.NewRunner(suite.Options{At: env.Now()}).RunAll(cmd.Context(), files, workers)
		if err != nil {
			return malformed(err, "")
		}
		out, _ := json.MarshalIndent(r, "", " ")
		fmt.Fprintln(env.Stdout, string(out))
		return nil
	}
	return cmd
}
