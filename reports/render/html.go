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
var scripts = []string{"dom.js", "words.js", "state.js", "map.js", "source.js", "detail.js", "list.js", "sections.js", "main.js"}

// renderHTML writes one page that needs nothing else: no network, no server, no other
// file. The report is embedded as JSON, which the script shows by text nodes only. The
// page's Content-Security-Policy names its one style and its one script by their digests,
// so that nothing that sneaks in with the data could run or load anything.
func renderHTML(w io.Writer, r *reports.Report, _ Options) error {
	page, err := template.ParseFS(htmlFiles, "html/report.html")
	if err != nil {
		return err
	}
	style, err := htmlFiles.ReadFile("html/report.css")
	if err != nil {
		return err
	}
	script, err := joined(scripts)
	if err != nil {
		return err
	}
	data, err := json.Marshal(r) // escapes <, >, & and U+2028: nothing in it ends the element
	if err != nil {
		return err
	}
	return page.Execute(w, map[string]any{
		"Policy": fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
			source(style), source([]byte(script))),
		"Headline":    clean(r.Headline),
		"Status":      string(r.Status),
		"StatusWords": strings.ReplaceAll(string(r.Status), "-", " "),
		"Style":       template.CSS(style),
		"Script":      template.JS(script),
		"Report":      template.JS(data),
	})
}

func joined(names []string) (string, error) {
	var b strings.Builder
	b.WriteString("(() => {\n\"use strict\";\n")
	for _, name := range names {
		part, err := htmlFiles.ReadFile("html/" + name)
		if err != nil {
			return "", err
		}
		b.Write(part)
	}
	b.WriteString("})();\n")
	return b.String(), nil
}

// source names inline content for a Content-Security-Policy.
func source(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
