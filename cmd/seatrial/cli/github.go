package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

// maxAnnotations is how many annotations of one kind GitHub shows for a step.
const maxAnnotations = 10

// github writes what a workflow shows: the markdown report as the step's summary, and
// annotations on the policies' lines. Outside of a workflow it does nothing. dir is the
// policy folder, relative to the repository's root.
func github(env Env, dir string, r *reports.Report) error {
	if summary := env.Getenv("GITHUB_STEP_SUMMARY"); summary != "" {
		if err := appendSummary(summary, r); err != nil {
			return fmt.Errorf("write the step summary: %w", err)
		}
	}
	if env.Getenv("GITHUB_ACTIONS") == "true" {
		// The runner reads commands from both streams; standard output is for the report.
		annotate(env.Stderr, dir, r)
	}
	return nil
}

func appendSummary(file string, r *reports.Report) error {
	var text bytes.Buffer
	if err := render.Render(&text, "markdown", r, render.Options{}); err != nil {
		return err
	}
	to, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = text.WriteTo(to)
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	return err
}

// annotate marks what does not ship, rejected policies, then the policies with the worst
// changes.
func annotate(w io.Writer, dir string, r *reports.Report) {
	written := 0
	mark := func(level, file string, line int, message string) {
		if written < maxAnnotations && file != "" {
			fmt.Fprintf(w, "::%s file=%s,line=%d::%s\n", level, property(path.Join(dir, file)), max(line, 1), escape(message))
			written++
		}
	}
	for i := range r.Shortfalls {
		if x := &r.Shortfalls[i]; r.Beyond(x) {
			mark("error", x.File, x.Line, strings.TrimPrefix(x.Object+" does not ship as asked: "+x.Text, " "))
		}
	}
	for _, p := range r.Rejected {
		if p.Side == "candidate" {
			mark("error", p.File, p.Line, p.Policy+" would be rejected by Kyverno: "+p.Reason)
		}
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		level, message := "", ""
		switch {
		case p.Workloads[reports.NewlyDenied] > 0:
			level, message = "error", fmt.Sprintf("%s would newly deny %d workloads", p.Ref.Name, p.Workloads[reports.NewlyDenied])
		case p.Workloads[reports.Error] > 0:
			level, message = "warning", fmt.Sprintf("%s cannot be evaluated for %d workloads", p.Ref.Name, p.Workloads[reports.Error])
		case p.Workloads[reports.NewlyFailing] > 0:
			level, message = "warning", fmt.Sprintf("%s would newly fail in audit for %d workloads", p.Ref.Name, p.Workloads[reports.NewlyFailing])
		case p.Workloads[reports.Undecided] > 0:
			level, message = "notice", fmt.Sprintf("%s could not be decided for %d workloads", p.Ref.Name, p.Workloads[reports.Undecided])
		}
		if level != "" {
			mark(level, p.File, p.Line, message)
		}
	}
}

func escape(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escape(s))
}
