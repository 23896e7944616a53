package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/seatrial/seatrial/reports"
)

// renderJSON writes the report as it is, indented by two spaces; docs/report.md says what
// each field means.
func renderJSON(w io.Writer, r *reports.Report, _ Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Decode reads a report that the json format wrote. Fields that this version does not
// know are ignored; a higher schemaVersion, another file, and a broken one are errors.
func Decode(r io.Reader) (*reports.Report, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var version struct {
		SchemaVersion *int `json:"schemaVersion"`
	}
	if err := json.Unmarshal(content, &version); err != nil {
		return nil, lined(content, err)
	}
	if version.SchemaVersion == nil {
		return nil, errors.New("no seatrial report: schemaVersion is missing")
	}
	if err := readable(*version.SchemaVersion, reports.SchemaVersion); err != nil {
		return nil, err
	}
	report := &reports.Report{}
	if err := json.Unmarshal(content, report); err != nil {
		return nil, lined(content, err)
	}
	switch report.Status {
	case reports.WithinBudget, reports.BudgetExceeded, reports.Unanswered:
	default:
		return nil, fmt.Errorf("no seatrial report: status is %q", report.Status)
	}
	return report, nil
}

// readable refuses the versions of a form that this seatrial does not know.
func readable(version, newest int) error {
	switch {
	case version < 1:
		return fmt.Errorf("schemaVersion %d does not exist, want 1 to %d", version, newest)
	case version > newest:
		return fmt.Errorf("schemaVersion %d is newer than this seatrial, which reads up to %d: update seatrial", version, newest)
	}
	return nil
}

// lined leads a JSON error with the line that it happened on.
func lined(content []byte, err error) error {
	offset := int64(-1)
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(content)) == 0:
		return errors.New("is empty")
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &mismatch):
		offset = mismatch.Offset
		err = fmt.Errorf("%s: want %s, have %s", mismatch.Field, mismatch.Type, mismatch.Value)
	}
	if offset < 0 || offset > int64(len(content)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(content[:offset], []byte("\n")), err)
}
