package render

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// driftScripts and driftStyles make the page of drift, of the same building blocks as the
// report's.
var (
	driftScripts = []string{"dom.js", "drift_words.js", "drift_matrix.js", "drift.js"}
	driftStyles  = []string{"report.css", "drift.css"}
)

// driftHTML writes one page that needs nothing else, as renderHTML does.
func driftHTML(w io.Writer, d *reports.Drift) error {
	page, err := template.ParseFS(htmlFiles, "html/drift.html")
	if err != nil {
		return err
	}
	style, err := joined(driftStyles)
	if err != nil {
		return err
	}
	script, err := joined(driftScripts)
	if err != nil {
		return err
	}
	script = "(() => {\n\"use strict\";\n" + script + "})();\n"
	data, err := json.Marshal(d) // escapes <, >, & and U+2028: nothing in it ends the element
	if err != nil {
		return err
	}
	return page.Execute(w, map[string]any{
		"Policy": fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
			source(style), source(script)),
		"Headline":    clean(d.Headline),
		"Status":      string(d.Status),
		"StatusWords": strings.ReplaceAll(string(d.Status), "-", " "),
		"Style":       template.CSS(style),
		"Script":      template.JS(script),
		"Drift":       template.JS(data),
	})
}
