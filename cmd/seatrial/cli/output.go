package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
	"github.com/seatrial/seatrial/simulator/outfile"
)

// output is one report to write: a format and a file, "-" for standard output.
type output struct{ format, file string }

// parseOutputs reads -o FORMAT[=FILE] flags. extra are formats that the verb writes itself.
// What can be known to fail at the end of a run fails here, before it.
func parseOutputs(specs []string, extra ...string) ([]output, error) {
	return parseOutputsOf(specs, append(render.Names(), extra...))
}

// parseOutputsOf is parseOutputs for a verb with formats of its own.
func parseOutputsOf(specs, known []string) ([]output, error) {
	var outputs []output
	taken := map[string]string{}
	for _, spec := range specs {
		o, err := parseOutput(spec, known)
		if err != nil {
			return nil, err
		}
		if other, ok := taken[o.file]; ok {
			if o.file == "-" {
				return nil, malformed(fmt.Errorf("%s and %s both want standard output", other, o.format), "give all but one a file: -o html=report.html")
			}
			return nil, malformed(fmt.Errorf("%s and %s both want %s", other, o.format, o.file), "")
		}
		taken[o.file] = o.format
		outputs = append(outputs, o)
	}
	return outputs, nil
}

func parseOutput(spec string, known []string) (output, error) {
	format, file, hasFile := strings.Cut(spec, "=")
	if !slices.Contains(known, format) {
		return output{}, malformed(fmt.Errorf("unknown format %q", format), "known formats: "+strings.Join(known, ", "))
	}
	if !hasFile || file == "-" {
		return output{format, "-"}, nil
	}
	if file == "" {
		return output{}, malformed(fmt.Errorf("-o %s: the file name is missing", spec), "write -o "+format+"=FILE, or -o "+format+" for standard output")
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return output{}, malformed(fmt.Errorf("-o %s: %s is a folder", spec, file), "name a file in it")
	}
	if _, err := os.Stat(filepath.Dir(file)); errors.Is(err, fs.ErrNotExist) {
		return output{}, malformed(fmt.Errorf("-o %s: there is no folder %s", spec, filepath.Dir(file)), "make it first: mkdir -p "+filepath.Dir(file))
	}
	return output{format, filepath.Clean(file)}, nil
}

// writeReports renders a report in every asked format that render knows.
func writeReports(env Env, outputs []output, r *reports.Report) error {
	known := slices.DeleteFunc(slices.Clone(outputs), func(o output) bool { return !slices.Contains(render.Names(), o.format) })
	return writeEach(env, known, "report", func(w io.Writer, format string, opt render.Options) error {
		return render.Render(w, format, r, opt)
	})
}

// writeEach renders what the verb has found in every asked format. what names it in errors.
func writeEach(env Env, outputs []output, what string, to func(w io.Writer, format string, opt render.Options) error) error {
	for _, o := range outputs {
		var opt render.Options
		if o.file == "-" {
			opt.Color, opt.Width = terminal(env)
		}
		var content bytes.Buffer
		if err := to(&content, o.format, opt); err != nil {
			return fmt.Errorf("write the %s %s: %w", o.format, what, err)
		}
		if err := put(env, o, &content); err != nil {
			return err
		}
	}
	return nil
}

// terminal says whether standard output takes colours, and how wide it is (0: not known).
func terminal(env Env) (color bool, width int) {
	file, ok := env.Stdout.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return false, 0
	}
	width, _, _ = term.GetSize(int(file.Fd())) // 0 on error
	return env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb", width
}

// writeFile writes a file, whole or not at all.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := outfile.Create(path)
	if err != nil {
		return malformed(err, "name a file that you may write")
	}
	if err := write(file); err != nil {
		file.Abort()
		return err
	}
	return file.Close()
}
