package cli

import (
	"bytes"
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
		Long: "report shows a report, a plan or a drift again that was saved with -o json=RESULT.json;\n" +
			"- is standard input. It ends with 0 when it could be shown, whatever it says. Plans have\n" +
			"the formats " + strings.Join(render.PlanNames(), ", ") + ", drifts " + strings.Join(render.DriftNames(), ", ") + ".",
		Example: "  seatrial report result.json -o html=report.html -o markdown\n" +
			"  seatrial report drift.json -o openmetrics=drift.prom",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(specs) == 0 {
				specs = []string{"text"}
			}
			content, err := readResult(env, args[0])
			if err != nil {
				return err
			}
			switch render.KindOf(content) {
			case reports.PlanKind:
				return show(env, args[0], content, specs, render.PlanNames(), render.DecodePlan, "plan", writePlan)
			case reports.DriftKind:
				return show(env, args[0], content, specs, render.DriftNames(), render.DecodeDrift, "drift", writeDrift)
			}
			return show(env, args[0], content, specs, render.Names(), decodeReport, "replay", writeReports)
		},
	}
	cmd.Flags().StringArrayVarP(&specs, "output", "o", nil, "FORMAT[=FILE]: "+strings.Join(render.Names(), ", ")+" (repeatable; default text)")
	return cmd
}

// show renders a saved result in every asked format; verb is what makes one.
func show[T any](env Env, path string, content []byte, specs, formats []string, decode func([]byte) (T, error), verb string, write func(Env, []output, T) error) error {
	outputs, err := parseOutputsOf(specs, formats)
	if err != nil {
		return err
	}
	result, err := decode(content)
	if err != nil {
		return malformed(fmt.Errorf("%s: %w", nameOf(path), err), "save one with seatrial "+verb+" -o json=result.json")
	}
	return write(env, outputs, result)
}

func decodeReport(content []byte) (*reports.Report, error) {
	return render.Decode(bytes.NewReader(content))
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
