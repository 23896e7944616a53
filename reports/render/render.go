// Package render lays out a [reports.Report], one file a format. Renderers never count,
// sort or decide; an unknown format is an error that lists the known ones. Everything
// that comes from a capture or a policy is hostile until it is escaped for its format.
package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// Options says how a report may look. They never change what it says.
type Options struct {
	Color bool
	Width int // columns; 0 is 100
}

// renderer writes one format.
type renderer func(w io.Writer, r *reports.Report, opt Options) error

var formats = map[string]renderer{
	"text":     renderText,
	"json":     renderJSON,
	"markdown": renderMarkdown,
	"html":     renderHTML,
	"sarif":    renderSARIF,
	"junit":    renderJUnit,
}

// Names lists the formats.
func Names() []string { return []string{"text", "json", "markdown", "html", "sarif", "junit"} }

// Render writes r in a format.
func Render(w io.Writer, format string, r *reports.Report, opt Options) error {
	render, ok := formats[format]
	if !ok {
		return fmt.Errorf("unknown format %q; known formats: %s", format, strings.Join(Names(), ", "))
	}
	return render(w, r, opt)
}

// plain drops what a terminal would act on: control characters other than newline and
// tab, and the marks that turn the direction of text.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return c
		case c < 0x20, c >= 0x7f && c < 0xa0, c >= 0x200e && c <= 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069, c == 0xfeff:
			return -1
		}
		return c
	}, s)
}

// oneLine folds white space and drops control characters.
func oneLine(s string) string { return strings.Join(strings.Fields(plain(s)), " ") }

// clip shortens a text to n runes, marking the cut.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:max(n-1, 0)]) + "…"
}

// where names a workload: "production/shop Deployment/cart".
func where(w *reports.Workload) string {
	place := w.Cluster
	if w.Namespace != "" {
		place += "/" + w.Namespace
	}
	return place + " " + w.Kind + "/" + w.Name
}

// saying are the classes in words, for headings.
var saying = map[reports.Class]string{
	reports.NewlyDenied:       "newly denied",
	reports.Error:             "error",
	reports.Undecided:         "undecided",
	reports.NewlyAllowed:      "newly allowed",
	reports.NewlyFailing:      "newly failing in audit",
	reports.NewlyWarned:       "newly warned",
	reports.MutationChanged:   "mutation changed",
	reports.GenerationChanged: "generation changed",
	reports.Resolved:          "resolved",
}

// present lists the classes that occur in any of the counts, worst first.
func present(counts ...reports.Counts) []reports.Class {
	var classes []reports.Class
	for _, class := range reports.Classes() {
		if slices.ContainsFunc(counts, func(c reports.Counts) bool { return c[class] > 0 }) {
			classes = append(classes, class)
		}
	}
	return classes
}

// bites says when, soonest first.
func bites(list []reports.Bite) string {
	var parts []string
	for _, b := range list {
		parts = append(parts, bite(b))
	}
	return strings.Join(parts, ", ")
}

func bite(b reports.Bite) string {
	switch b {
	case reports.BitesNow:
		return "now"
	case reports.NextRestart:
		return "at the next restart"
	case reports.NextRollout:
		return "at the next rollout"
	case reports.NextChange:
		return "at the next change"
	}
	return string(b)
}

// policyName is how a policy is shown in a table.
func policyName(kind, namespace, name string) string {
	if namespace != "" {
		name = namespace + "/" + name
	}
	return kind + "/" + name
}
