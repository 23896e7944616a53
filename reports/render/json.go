package render

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/seatrial/seatrial/reports"
)

func renderJSON(w io.Writer, r *reports.Report, _ Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// Decode reads a report that was written as JSON. One of a newer schema is refused.
func Decode(in io.Reader) (*reports.Report, error) {
	var r reports.Report
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return nil, fmt.Errorf("not a report in JSON: %w", err)
	}
	switch {
	case r.SchemaVersion == 0:
		return nil, fmt.Errorf("not a report: it has no schemaVersion")
	case r.SchemaVersion > reports.SchemaVersion:
		return nil, fmt.Errorf("report schema %d is newer than this seatrial, which reads up to %d", r.SchemaVersion, reports.SchemaVersion)
	}
	return &r, nil
}
