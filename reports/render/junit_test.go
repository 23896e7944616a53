package render_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

type counted struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
}

type junit struct {
	counted
	Suites []struct {
		counted
		Name  string `xml:"name,attr"`
		Cases []struct {
			Name    string  `xml:"name,attr"`
			Class   string  `xml:"classname,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
			Skipped *string `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func junitOf(t *testing.T, r *reports.Report) junit {
	t.Helper()
	var doc junit
	decoder := xml.NewDecoder(strings.NewReader(rendered(t, "junit", r, render.Options{})))
	if err := decoder.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestJUnitCounts(t *testing.T) {
	all := map[string]*reports.Report{"evil": hostileAndLarge(t), "mixed": fleet(t, 6, 420, true), "twenty": rehearsedFleet(t, 20, 9)}
	for _, name := range fixtures() {
		all[name] = fixture(t, name)
	}
	for name, r := range all {
		doc := junitOf(t, r)
		var sum counted
		for _, suite := range doc.Suites {
			var found counted
			for _, c := range suite.Cases {
				if c.Name == "" || c.Class == "" {
					t.Errorf("%s: suite %s has a case without a name or class", name, suite.Name)
				}
				found.Tests++
				switch {
				case c.Failure != nil:
					found.Failures++
				case c.Error != nil:
					found.Errors++
				case c.Skipped != nil:
					found.Skipped++
				}
			}
			if diff := cmp.Diff(found, suite.counted); diff != "" {
				t.Errorf("%s: suite %s: attributes differ from what is there:\n%s", name, suite.Name, diff)
			}
			sum = counted{sum.Tests + found.Tests, sum.Failures + found.Failures, sum.Errors + found.Errors, sum.Skipped + found.Skipped}
		}
		if diff := cmp.Diff(sum, doc.counted); diff != "" {
			t.Errorf("%s: sums differ:\n%s", name, diff)
		}
	}
}

func TestJUnitVerdicts(t *testing.T) {
	for _, c := range []struct {
		reason, fixture, suite, test, verdict string
	}{
		{"newly denied is a failure", "small", "ClusterPolicy/restrict-image-registries", "production: Deployment shop/cart: autogen-validate-registries", "failure"},
		{"newly failing in audit passes", "small", "ClusterPolicy/restrict-image-registries", "staging: Deployment shop/mailer: autogen-validate-registries", "pass"},
		{"undecided is skipped", "small", "ValidatingPolicy/require-resource-limits", "production: StatefulSet monitoring/prometheus", "skipped"},
		{"two changes of one rule are one case, the worst decides", "small", "ValidatingPolicy/require-resource-limits", "staging: StatefulSet shop/search", "failure"},
		{"an error is an error", "partial", "Policy/web/quota", "edge-1: Deployment web/api: check-quota", "error"},
		{"a rejected policy is an error", "partial", "rejected policies", "typo.yaml:12 ClusterPolicy/typo", "error"},
		{"an exceeded limit is a failure", "partial", "budget", "newly in error requests", "failure"},
		{"a kept limit passes", "partial", "budget", "newly denied requests", "pass"},
		{"a policy without news has a case that passes", "clear", "ClusterPolicy/require-labels", "no workload changes", "pass"},
		{"a stage that passed passes", "rehearsed", "rehearsal audit-to-enforce", "1 one namespace", "pass"},
		{"a stage that was rolled back is a failure", "rehearsed", "rehearsal audit-to-enforce", "5 enforce the fleet", "failure"},
		{"a stage that was not reached is skipped", "rehearsed", "rehearsal audit-to-enforce", "6 remove the old policies", "skipped"},
		{"a stage that failed is an error", "alone", "rehearsal audit-to-enforce", "2 audit one cluster", "error"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got := "no such case"
			for _, suite := range junitOf(t, fixture(t, c.fixture)).Suites {
				for _, tc := range suite.Cases {
					if suite.Name != c.suite || tc.Name != c.test {
						continue
					}
					got = "pass"
					for verdict, said := range map[string]*string{"failure": tc.Failure, "error": tc.Error, "skipped": tc.Skipped} {
						if said != nil {
							got = verdict
						}
					}
				}
			}
			if got != c.verdict {
				t.Errorf("%s / %s: %s, want %s", c.suite, c.test, got, c.verdict)
			}
		})
	}
}
