package render

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/simulator/suite"
)

// SuiteNames lists the formats of [Suites].
func SuiteNames() []string { return []string{"text", "json", "junit"} }

// Suites writes the answers to test suites. Text shows what failed, or with opt.Detail
// every row; the other formats hold all of them.
func Suites(w io.Writer, name string, r *suite.Report, opt Options) error {
	switch name {
	case "text":
		return suitesText(w, r, opt)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	case "junit":
		return suitesJUnit(w, r)
	}
	return fmt.Errorf("unknown format %q; known formats: %s", name, strings.Join(SuiteNames(), ", "))
}

var suiteMarks = map[suite.Status]string{suite.Passed: "✓", suite.Failed: "✗", suite.Errored: "✗", suite.Skipped: "–"}

func suitesText(w io.Writer, r *suite.Report, opt Options) error {
	p := newPage(opt)
	last := ""
	for i := range r.Results {
		row := &r.Results[i]
		if !opt.Detail && (row.Status == suite.Passed || row.Status == suite.Skipped) {
			continue
		}
		if row.Suite != last {
			p.line("")
			p.line(p.bold(clean(row.Suite)))
			last = row.Suite
		}
		p.write("  ")
		p.glyph(suiteMarks[row.Status])
		p.wrapped(p.plain, rowText(row), "      ")
	}
	p.line("")
	s := r.Summary
	p.wrapped(p.bold, fmt.Sprintf("%s, %s: %d passed, %d failed, %d skipped, %s.",
		count(s.Suites, "suite"), count(s.Results, "expected result"), s.Passed, s.Failed, s.Skipped, count(s.Errors, "error")), "  ")
	_, err := io.WriteString(w, p.out.String())
	return err
}

func rowText(row *suite.Row) string {
	text := strings.Join(strings.Fields(strings.Join([]string{row.Policy, row.Rule, row.Operation, row.Kind, row.Resource}, " ")), " ")
	if row.Reason != "" {
		text += ": " + row.Reason
	} else {
		text += ": " + row.Expected
	}
	if row.Status == suite.Failed && row.Message != "" {
		text += ": " + cut(row.Message, junitMessage)
	}
	return text
}

// suitesJUnit writes one test suite for each file and one test case for each row.
func suitesJUnit(w io.Writer, r *suite.Report) error {
	all := junitSuites{Name: "seatrial test"}
	var open *junitSuite
	for i := range r.Results {
		row := &r.Results[i]
		if open == nil || open.Name != clean(row.Suite) {
			if open != nil {
				all.add(open)
			}
			open = newSuite(row.Suite)
		}
		c := junitCase{Name: clean(strings.Join([]string{row.Rule, row.Operation, row.Kind, row.Resource}, " ")), Class: clean(row.Policy)}
		switch row.Status {
		case suite.Failed:
			c.Failure = said("failed", row.Reason, row.Message)
		case suite.Errored:
			c.Error = said("error", row.Reason, row.Message)
		case suite.Skipped:
			c.Skipped = &junitSaid{Message: clean(cut(row.Reason, junitMessage))}
		}
		open.add(c)
	}
	if open != nil {
		all.add(open)
	}
	return writeJUnit(w, all)
}

func writeJUnit(w io.Writer, suites junitSuites) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
