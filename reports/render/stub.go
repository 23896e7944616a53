package render

import (
	"errors"
	"io"

	"github.com/seatrial/seatrial/reports"
)

func renderMarkdown(io.Writer, *reports.Report, Options) error { return errors.New("not yet") }
func renderHTML(io.Writer, *reports.Report, Options) error     { return errors.New("not yet") }
func renderSARIF(io.Writer, *reports.Report, Options) error    { return errors.New("not yet") }
func renderJUnit(io.Writer, *reports.Report, Options) error    { return errors.New("not yet") }
