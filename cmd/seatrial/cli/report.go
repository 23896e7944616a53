package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

func newReport(env Env) *cobra.Command {
	var specs []string
	cmd := &cobra.Command{
		Use:   "report RESULT.json -o FORMAT[=FILE]…",
		Short: "Render a report that was saved as JSON",
		Long: "report shows a report again that replay or check saved with -o json=RESULT.json; - is\n" +
			"standard input. It ends with 0 when the report could be shown, whatever it says.",
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
			report, err := readReport(env, args[0])
			if err != nil {
				return err
			}
			return writeReports(env, outputs, report)
		},
	}
	cmd.Flags().StringArrayVarP(&specs, "output", "o", nil, "FORMAT[=FILE]: "+strings.Join(render.Names(), ", ")+" (repeatable; default text)")
	return cmd
}

// readReport reads a saved report; - is standard input.
func readReport(env Env, path string) (*reports.Report, error) {
	in, name := env.Stdin, "standard input"
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, malformed(fmt.Errorf("read the report: %w", err), "save one with seatrial replay -o json=result.json")
		}
		defer file.Close()
		in, name = io.Reader(file), path
	}
	report, err := render.Decode(in)
	if err != nil {
		return nil, malformed(fmt.Errorf("%s: %w", name, err), "save one with seatrial replay -o json=result.json")
	}
	return report, nil
}
