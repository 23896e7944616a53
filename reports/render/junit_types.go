package render

import "encoding/xml"

// The part of the JUnit format that CI systems read.

type junitSuites struct {
	XMLName  xml.Name      `xml:"testsuites"`
	Name     string        `xml:"name,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Errors   int           `xml:"errors,attr"`
	Skipped  int           `xml:"skipped,attr"`
	Suites   []*junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string           `xml:"name,attr"`
	Tests      int              `xml:"tests,attr"`
	Failures   int              `xml:"failures,attr"`
	Errors     int              `xml:"errors,attr"`
	Skipped    int              `xml:"skipped,attr"`
	Time       string           `xml:"time,attr"`
	Properties *junitProperties `xml:"properties,omitempty"`
	Cases      []junitCase      `xml:"testcase"`
}

type junitProperties struct {
	List []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Time    string     `xml:"time,attr"`
	Failure *junitSaid `xml:"failure,omitempty"`
	Error   *junitSaid `xml:"error,omitempty"`
	Skipped *junitSaid `xml:"skipped,omitempty"`
	Out     string     `xml:"system-out,omitempty"`
}

type junitSaid struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func said(kind, message, text string) *junitSaid {
	return &junitSaid{Type: kind, Message: clean(cut(message, junitMessage)), Text: cleanLines(cut(text, junitMessage))}
}

func newSuite(name string) *junitSuite { return &junitSuite{Name: clean(name), Time: "0"} }

func (s *junitSuite) property(name, value string) {
	if value == "" {
		return
	}
	if s.Properties == nil {
		s.Properties = &junitProperties{}
	}
	s.Properties.List = append(s.Properties.List, junitProperty{name, clean(cut(value, junitMessage))})
}

func (s *junitSuite) add(c junitCase) {
	c.Time = "0"
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

// add takes a suite in; one without cases says nothing and is left out.
func (s *junitSuites) add(suite *junitSuite) {
	if len(suite.Cases) == 0 {
		return
	}
	s.Suites = append(s.Suites, suite)
	s.Tests += suite.Tests
	s.Failures += suite.Failures
	s.Errors += suite.Errors
	s.Skipped += suite.Skipped
}
