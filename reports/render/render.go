// Package render lays out a [reports.Report], one file a format: [Render] writes any of
// [Names]; [Decode] reads back what the json format wrote.
//
// A renderer never counts, sorts, filters or decides: reports.Build has done that. What
// does not fit (a long table, a pull-request comment of 65,536 characters) is cut at the
// end of a list, and the cut says how much is missing. An unknown format is an error
// that lists the known ones.
//
// Everything in a report may have been written by somebody else: names, messages,
// manifests. Each format therefore takes the bite out of it in its own way: text drops
// control characters and escape sequences, markdown writes entities, html builds its
// page from text nodes only, under a policy that allows no other script than its own.
package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// Options are for the eye only; they never change what a report says.
type Options struct {
	Color  bool // text: colours by terminal escape sequences
	Width  int  // text: columns; 0 = 100
	Detail bool // text: every workload and every finding instead of the worst
}

// format writes one report. The report is shared: it must not be changed.
type format struct {
	name  string
	write func(io.Writer, *reports.Report, Options) error
}

var formats = []format{
	{"text", renderText},
	{"json", renderJSON},
	{"markdown", renderMarkdown},
	{"html", renderHTML},
	{"sarif", renderSARIF},
	{"junit", renderJUnit},
}

// Names lists the formats, the one for people at a terminal first.
func Names() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Render writes r in the named format.
func Render(w io.Writer, name string, r *reports.Report, opt Options) error {
	for _, f := range formats {
		if f.name == name {
			return f.write(w, r, opt)
		}
	}
	return fmt.Errorf("unknown report format %q; known formats: %s", name, strings.Join(Names(), ", "))
}
