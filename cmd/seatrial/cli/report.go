package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports/render"
)

func newReport(env Env) *cobra.Command {
	var specs []string
	cmd := &cobra.Command{
		Use:     "report RESULT.json -o FORMAT[=FILE]…",
		Short:   "Render a report that was saved as JSON",
		Example: "  seatrial report result.json -o html=report.html -o markdown",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(specs) == 0 {
				specs = []string{"text"}
			}
			outputs, err := parseOutputs(specs)
			if err != nil {
				return err
			}
			file, err := os.Open(args[0])
			if err != nil {
				return malformed(fmt.Errorf("read the report: %w", err), "")
			}
			report, err := render.Decode(file)
			if err := errors.Join(err, file.Close()); err != nil {
				return malformed(fmt.Errorf("%s: %w", args[0], err), "save one with seatrial replay -o json=result.json")
			}
			return writeReports(env, outputs, report)
		},
	}
	cmd.Flags().StringArrayVarP(&specs, "output", "o", nil, "FORMAT[=FILE]: text, json, markdown, html, sarif, junit (repeatable; default text)")
	return cmd
}
