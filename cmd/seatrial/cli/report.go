package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports/render"
)

func newReport(env Env) *cobra.Command {
	var specs []string
	cmd := &cobra.Command{
		Use:   "report RESULT.json -o FORMAT[=FILE]…",
		Short: "Render a report that was saved as JSON",
		Long: "report shows a report or a plan again that was saved with -o json=RESULT.json; - is\n" +
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
			content, err := readResult(env, args[0])
			if err != nil {
				return err
			}
			if render.IsPlan(content) {
				return showPlan(env, args[0], content, specs)
			}
			report, err := render.Decode(bytes.NewReader(content))
			if err != nil {
				return malformed(fmt.Errorf("%s: %w", nameOf(args[0]), err), "save one with seatrial replay -o json=result.json")
			}
			return writeReports(env, outputs, report)
		},
	}
	cmd.Flags().StringArrayVarP(&specs, "output", "o", nil, "FORMAT[=FILE]: "+strings.Join(render.Names(), ", ")+" (repeatable; default text)")
	return cmd
}

// showPlan renders a saved plan, which has fewer formats than a report.
func showPlan(env Env, path string, content []byte, specs []string) error {
	outputs, err := parseOutputsOf(specs, render.PlanNames())
	if err != nil {
		return err
	}
	p, err := render.DecodePlan(content)
	if err != nil {
		return malformed(fmt.Errorf("%s: %w", nameOf(path), err), "save one with seatrial plan -o json=plan.json")
	}
	return writePlan(env, outputs, p)
}

// readResult reads a saved result; - is standard input.
func readResult(env Env, path string) (content []byte, err error) {
	if path == "-" {
		content, err = io.ReadAll(env.Stdin)
	} else {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, malformed(fmt.Errorf("read the report: %w", err), "save one with seatrial replay -o json=result.json")
	}
	return content, nil
}

func nameOf(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}
