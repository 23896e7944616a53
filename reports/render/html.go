package render

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

//go:embed html
var htmlFiles embed.FS

// scripts are joined in this order into one; each only uses what stands before it.
var scripts = []string{"dom.js", "parts.js", "words.js", "state.js", "map.js", "source.js", "detail.js", "list.js", "sections.js", "gantt.js", "rehearsal.js", "main.js"}

var styles = []string{"report.css", "rehearsal.css"}

// renderHTML writes one page that needs nothing else: no network, no server, no other
// file. The report, and the rundown of its rehearsal, are embedded as JSON, which the script shows by text nodes only. The
// page's Content-Security-Policy names its one style and its one script by their digests,
// so that nothing that sneaks in with the data could run or load anything.
func renderHTML(w io.Writer, r *reports.Report, _ Options) error {
	page, err := template.ParseFS(htmlFiles, "html/report.html")
	if err != nil {
		return err
	}
	style, script, err := parts(styles, scripts)
	if err != nil {
		return err
	}
	data, err := json.Marshal(r) // escapes <, >, & and U+2028: nothing in it ends the element
	if err != nil {
		return err
	}
	rundown, err := rundownJSON(r)
	if err != nil {
		return err
	}
	return page.Execute(w, map[string]any{
		"Policy":      pagePolicy(style, script),
		"Headline":    clean(r.Headline),
		"Status":      string(r.Status),
		"StatusWords": strings.ReplaceAll(string(r.Status), "-", " "),
		"Style":       template.CSS(style),
		"Script":      template.JS(script),
		"Report":      template.JS(data),
		"Rundown":     template.JS(rundown),
		"Predicted":   r.Predicted(),
	})
}

// rundownJSON is what the page needs of a rehearsal beyond the report; empty without one.
func rundownJSON(r *reports.Report) ([]byte, error) {
	if r.Rehearsal == nil {
		return nil, nil
	}
	return json.Marshal(reports.RundownOf(r.Rehearsal))
}

// parts joins the files of a page's style and script.
func parts(styles, scripts []string) (style, script string, err error) {
	if style, err = joined(styles); err != nil {
		return "", "", err
	}
	if script, err = joined(scripts); err != nil {
		return "", "", err
	}
	return style, "(() => {\n\"use strict\";\n" + script + "})();\n", nil
}

// pagePolicy lets a page's own style and script run, and nothing else.
func pagePolicy(style, script string) string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", source(style), source(script))
}

func joined(names []string) (string, error) {
	var b strings.Builder
	for _, name := range names {
		part, err := htmlFiles.ReadFile("html/" + name)
		if err != nil {
			return "", err
		}
		b.Write(part)
	}
	return b.String(), nil
}

// source names inline content for a Content-Security-Policy.
func source(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
