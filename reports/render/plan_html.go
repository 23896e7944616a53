package render

import (
	"encoding/json"
	"html/template"
	"io"

	"github.com/seatrial/seatrial/reports"
)

var (
	planScripts = []string{"dom.js", "parts.js", "plan.js", "plan_stages.js", "plan_main.js"}
	planStyles  = []string{"report.css", "plan.css"}
)

// planHTML writes one page that needs nothing else, as renderHTML does.
func planHTML(w io.Writer, p *reports.Plan, _ Options) error {
	page, err := template.ParseFS(htmlFiles, "html/plan.html")
	if err != nil {
		return err
	}
	style, script, err := parts(planStyles, planScripts)
	if err != nil {
		return err
	}
	data, err := json.Marshal(p) // escapes <, >, & and U+2028: nothing in it ends the element
	if err != nil {
		return err
	}
	return page.Execute(w, map[string]any{
		"Policy":   pagePolicy(style, script),
		"Headline": clean(p.Headline),
		"Status":   string(p.Status),
		"Style":    template.CSS(style),
		"Script":   template.JS(script),
		"Plan":     template.JS(data),
	})
}
