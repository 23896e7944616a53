package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/drift"
)

// DriftNames lists the formats of [Drift].
func DriftNames() []string { return []string{"text", "json", "markdown", "html", "openmetrics"} }

// Drift writes what differs between a hub and its clusters.
func Drift(w io.Writer, name string, d *reports.Drift, opt Options) error {
	switch name {
	case "text":
		return driftText(w, d, opt)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(d)
	case "markdown":
		return driftMarkdown(w, d)
	case "html":
		return driftHTML(w, d)
	case "openmetrics":
		return driftMetrics(w, d)
	}
	return fmt.Errorf("unknown format %q; known formats: %s", name, strings.Join(DriftNames(), ", "))
}

// DecodeDrift reads an answer that the json format wrote, as [Decode] reads a report.
func DecodeDrift(content []byte) (*reports.Drift, error) {
	d := &reports.Drift{}
	if err := json.Unmarshal(content, d); err != nil {
		return nil, lined(content, err)
	}
	if err := readable(d.SchemaVersion, reports.DriftSchemaVersion); err != nil {
		return nil, err
	}
	switch d.Status {
	case reports.WithinBudget, reports.BudgetExceeded, reports.Unanswered:
	default:
		return nil, fmt.Errorf("no seatrial drift: status is %q", d.Status)
	}
	for i := range d.Objects {
		if len(d.Objects[i].Cells) != len(d.Clusters) {
			return nil, errors.New("no seatrial drift: an object has not one cell for each cluster")
		}
	}
	return d, nil
}

// driftMarks are the states' signs in a matrix; each is one column wide.
var driftMarks = map[drift.State]string{
	drift.InSync: "✓", drift.Missing: "✗", drift.Weakened: "↓", drift.Strengthened: "↑", drift.OtherVersion: "≠", drift.Extra: "+",
	drift.LeftBehind: "~", drift.ExceptionUnknown: "!", drift.ExceptionExpired: "e", drift.ExceptionWide: "w", drift.ExceptionNeedless: "n",
	drift.ExceptionUnused: "u", drift.NotEvaluated: "?",
}

// driftRef is an object as people name it; exceptions of the two APIs are told apart.
func driftRef(r *drift.Ref) string {
	if r.IsException() && r.Group == "policies.kyverno.io" {
		return r.String() + " (CEL)"
	}
	return r.String()
}

// driftIn names clusters: a few of them, and how many more.
func driftIn(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + number(len(names)-most) + " more"
}

// driftWhat is what could not be told of.
func driftWhat(u *reports.DriftUnknown, most int) string {
	in := driftIn(u.Clusters, most)
	if len(u.Objects) == 0 {
		return in
	}
	names := make([]string, len(u.Objects))
	for i := range u.Objects {
		names[i] = driftRef(&u.Objects[i])
	}
	return driftIn(names, most) + " in " + in
}

// driftUntil is when an exception should end, and by what.
func driftUntil(e *reports.DriftException) string {
	if e.Until == nil {
		return "no end"
	}
	text := e.Until.UTC().Format("2006-01-02 15:04 UTC")
	if e.Expired {
		text += ", over"
	}
	return text + " (" + e.UntilBy + ")"
}

// driftUses is what an exception let through.
func driftUses(u *drift.Use) string {
	if u == nil {
		return "use not known"
	}
	text := "applied to " + count(u.Requests, "request")
	if u.Requests > 0 {
		text += ", let " + number(u.LetThrough) + " through"
	}
	if u.Refused > 0 {
		text += ", of which " + number(u.Refused) + " would be refused"
	}
	if u.Shared {
		text += " (with others)"
	}
	if u.Unknown > 0 {
		text += "; not known for " + number(u.Unknown)
	}
	return text
}

func driftSaid(e *reports.DriftException) string {
	var parts []string
	for _, s := range e.Said {
		parts = append(parts, s.What+" "+s.Value)
	}
	return strings.Join(parts, "; ")
}
