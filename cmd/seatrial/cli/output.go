package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

// output is one report to write: a format and a file, "-" for standard output.
type output struct{ format, file string }

// parseOutputs reads -o FORMAT[=FILE] flags. extra are formats that the verb writes itself.
func parseOutputs(specs []string, extra ...string) ([]output, error) {
	known := append(render.Names(), extra...)
	var outputs []output
	stdout := 0
	for _, spec := range specs {
		format, file, hasFile := strings.Cut(spec, "=")
		if !slices.Contains(known, format) {
			return nil, malformed(fmt.Errorf("unknown format %q", format), "known formats: "+strings.Join(known, ", "))
		}
		if !hasFile {
			file = "-"
		}
		if file == "" {
			return nil, malformed(fmt.Errorf("-o %s: the file name is missing", spec), "write -o "+format+"=FILE, or -o "+format+" for standard output")
		}
		if file == "-" {
			stdout++
		}
		outputs = append(outputs, output{format, file})
	}
	if stdout > 1 {
		return nil, malformed(fmt.Errorf("%d reports for one standard output", stdout), "give all but one a file: -o html=report.html")
	}
	return outputs, nil
}

// writeReports renders a report in every asked format that render knows.
func writeReports(env Env, outputs []output, r *reports.Report) error {
	for _, o := range outputs {
		if !slices.Contains(render.Names(), o.format) {
			continue
		}
		if o.file == "-" {
			color, width := terminal(env)
			if err := render.Render(env.Stdout, o.format, r, render.Options{Color: color, Width: width}); err != nil {
				return fmt.Errorf("write the %s report: %w", o.format, err)
			}
			continue
		}
		var content bytes.Buffer
		if err := render.Render(&content, o.format, r, render.Options{}); err != nil {
			return fmt.Errorf("write the %s report: %w", o.format, err)
		}
		if err := writeFile(o.file, func(w io.Writer) error { _, err := content.WriteTo(w); return err }); err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, "wrote %s\n", o.file)
	}
	return nil
}

// terminal says whether standard output takes colours, and how wide it is.
func terminal(env Env) (color bool, width int) {
	file, ok := env.Stdout.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return false, 0
	}
	width, _, _ = term.GetSize(int(file.Fd()))
	return env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb", width
}

// writeFile writes to a temporary file with mode 0600 and renames it, so that a half
// report never stands under the name.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".seatrial-*")
	if err != nil {
		return malformed(fmt.Errorf("write %s: %w", path, err), "")
	}
	err = write(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
