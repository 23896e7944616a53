package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/reports"
)

// rehearsalSuite has a test case for each stage: held and rolled back are failures, failed
// is an error, a stage that was not reached is skipped.
func rehearsalSuite(t *timeline.Timeline) *junitSuite {
	suite := newSuite("rehearsal")
	if t == nil {
		return suite
	}
	suite.Name = clean("rehearsal " + t.Scenario)
	r := reports.RundownOf(t)
	suite.property("rehearsal", rehearsalTitle(t))
	suite.property("seed", strconv.FormatUint(t.Seed, 10))
	suite.property("fidelity", r.Fidelity)
	for i := range t.Stages {
		suite.add(stageCase(t, r, i))
	}
	for _, e := range t.Expected {
		c := junitCase{Name: clean("expected " + e.What), Class: clean("rehearsal " + t.Scenario)}
		if !e.Holds {
			c.Failure = said("expectation", "found "+e.Found, e.What)
		}
		suite.add(c)
	}
	if t.Outcome == timeline.Failed && suite.Errors == 0 {
		suite.add(junitCase{Name: "rehearsal", Class: suite.Name, Error: said("failed", "the rehearsal ended early", t.Error)})
	}
	return suite
}

func stageCase(t *timeline.Timeline, r *reports.Rundown, at int) junitCase {
	s, sum := &t.Stages[at], &r.Stages[at]
	c := junitCase{Name: clean(strconv.Itoa(at+1) + " " + s.Name), Class: clean("rehearsal " + t.Scenario)}
	title := fmt.Sprintf("%s, %s: %s", stageChange(s), count(sum.Denied, "request")+" denied", s.Outcome)
	switch s.Outcome {
	case timeline.Held, timeline.RolledBack:
		c.Failure = said(string(s.Outcome), title, unmetLines(r, s.Name))
	case timeline.Failed:
		c.Error = said(string(s.Outcome), title, firstOf(failureLines(r, s.Name), t.Error))
	case timeline.Skipped:
		c.Skipped = &junitSaid{Message: "not reached"}
	}
	for _, check := range s.Gate {
		c.Out += clean(fmt.Sprintf("%s: found %s, allowed %s: %s", check.What, check.Found, check.Allowed, check.Outcome)) + "\n"
	}
	c.Out = strings.TrimSuffix(cut(c.Out+clean(s.Note), junitMessage), "\n")
	return c
}

func unmetLines(r *reports.Rundown, stage string) string {
	var lines []string
	for _, u := range r.Unmet {
		if u.Stage == stage {
			lines = append(lines, clean(fmt.Sprintf("%s: found %s, allowed %s %s", u.Check.What, u.Check.Found, u.Check.Allowed, u.Check.Note)))
		}
	}
	return strings.Join(lines, "\n")
}

func failureLines(r *reports.Rundown, stage string) string {
	var lines []string
	for _, f := range r.Failures {
		if f.Stage == stage {
			lines = append(lines, clean(lead(f.Cluster, f.What, f.Error)))
		}
	}
	return strings.Join(lines, "\n")
}
