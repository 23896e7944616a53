package render_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

// sarif is what a reader of SARIF 2.1.0 requires or relies on.
type sarif struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string `json:"name"`
				Rules []struct {
					ID               string                `json:"id"`
					ShortDescription struct{ Text string } `json:"shortDescription"`
				} `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Invocations []struct {
			ExecutionSuccessful *bool `json:"executionSuccessful"`
		} `json:"invocations"`
		Results []struct {
			RuleID    string                `json:"ruleId"`
			RuleIndex int                   `json:"ruleIndex"`
			Level     string                `json:"level"`
			Message   struct{ Text string } `json:"message"`
			Locations []struct {
				PhysicalLocation *struct {
					ArtifactLocation struct {
						URI string `json:"uri"`
					} `json:"artifactLocation"`
					Region *struct {
						StartLine int `json:"startLine"`
					} `json:"region"`
				} `json:"physicalLocation"`
				LogicalLocations []struct {
					FullyQualifiedName string `json:"fullyQualifiedName"`
				} `json:"logicalLocations"`
			} `json:"locations"`
			PartialFingerprints map[string]string `json:"partialFingerprints"`
			Properties          struct {
				Class     reports.Class `json:"class"`
				Workloads int           `json:"workloads"`
			} `json:"properties"`
		} `json:"results"`
	} `json:"runs"`
}

func sarifOf(t *testing.T, r *reports.Report) sarif {
	t.Helper()
	var log sarif
	if err := json.Unmarshal([]byte(rendered(t, "sarif", r, render.Options{})), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestSARIFStructure(t *testing.T) {
	all := map[string]*reports.Report{"evil": hostileAndLarge(t), "mixed": fleet(t, 6, 420, true)}
	for _, name := range fixtures() {
		all[name] = fixture(t, name)
	}
	for name, r := range all {
		log := sarifOf(t, r)
		if log.Version != "2.1.0" || log.Schema == "" || len(log.Runs) != 1 {
			t.Fatalf("%s: version %q, schema %q, %d runs", name, log.Version, log.Schema, len(log.Runs))
		}
		run := log.Runs[0]
		if run.Tool.Driver.Name == "" || len(run.Invocations) != 1 || run.Invocations[0].ExecutionSuccessful == nil {
			t.Errorf("%s: a required field of the run is missing", name)
		}
		seen := map[string]bool{}
		for _, rule := range run.Tool.Driver.Rules {
			if rule.ID == "" || rule.ShortDescription.Text == "" || seen[rule.ID] {
				t.Errorf("%s: rule %q has no text or is there twice", name, rule.ID)
			}
			seen[rule.ID] = true
		}
		prints := map[string]bool{}
		for i, result := range run.Results {
			if result.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
				t.Errorf("%s: result %d: ruleIndex %d is not rule %s", name, i, result.RuleIndex, result.RuleID)
			}
			if !slices.Contains([]string{"error", "warning", "note"}, result.Level) || result.Message.Text == "" || len(result.Locations) != 1 {
				t.Errorf("%s: result %d: level %q, message %q, %d locations", name, i, result.Level, result.Message.Text, len(result.Locations))
			}
			if place := result.Locations[0].PhysicalLocation; place != nil {
				if _, err := url.Parse(place.ArtifactLocation.URI); err != nil || place.Region != nil && place.Region.StartLine < 1 {
					t.Errorf("%s: result %d: place %+v: %v", name, i, place, err)
				}
			}
			if p := result.PartialFingerprints["seatrial/v1"]; p == "" || prints[p] {
				t.Errorf("%s: result %d: fingerprint %q is empty or there twice", name, i, p)
			} else {
				prints[p] = true
			}
		}
	}
}

func TestSARIFLevelsAndPlaces(t *testing.T) {
	want := map[reports.Class]string{
		reports.NewlyDenied: "error", reports.Error: "error", reports.Undecided: "note", reports.NewlyAllowed: "warning", reports.NewlyFailing: "warning",
		reports.NewlyWarned: "warning", reports.MutationChanged: "note", reports.GenerationChanged: "note",
	}
	for _, name := range []string{"small", "partial"} {
		for _, result := range sarifOf(t, fixture(t, name)).Runs[0].Results {
			if result.RuleID == "seatrial/rejected-policy" {
				continue
			}
			if result.Level != want[result.Properties.Class] {
				t.Errorf("class %s has level %q, want %q", result.Properties.Class, result.Level, want[result.Properties.Class])
			}
		}
	}
	first := sarifOf(t, fixture(t, "small")).Runs[0].Results[0].Locations[0]
	if got := first.PhysicalLocation.ArtifactLocation.URI; got != "policies/restrict-image-registries.yaml" || first.PhysicalLocation.Region.StartLine != 1 {
		t.Errorf("the first result is at %s, line %d", got, first.PhysicalLocation.Region.StartLine)
	}
	if got := first.LogicalLocations[0].FullyQualifiedName; got != "production/shop/Deployment/cart" {
		t.Errorf("the first result is about %s", got)
	}
}

func TestSARIFPathsAreTheRepositorys(t *testing.T) {
	for _, c := range []struct{ reason, source, file, want string }{
		{"a folder", "policies", "a/b.yaml", "policies/a/b.yaml"},
		{"a folder of a git revision", "git:origin/main:deploy/policies", "a.yaml", "deploy/policies/a.yaml"},
		{"the root of a git revision", "git:HEAD:", "a.yaml", "a.yaml"},
		{"one file", "policies/a.yaml", "a.yaml", "policies/a.yaml"},
		{"here", ".", "a b.yaml", "a%20b.yaml"},
		{"an absolute folder", "/srv/policies", "a.yaml", "file:///srv/policies/a.yaml"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			r := fixture(t, "small")
			r.Question.Candidate.Source, r.Policies[0].File = c.source, c.file
			if got := sarifOf(t, r).Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	r := fixture(t, "small")
	r.Question.Candidate.Source = "captured"
	if place := sarifOf(t, r).Runs[0].Results[0].Locations[0].PhysicalLocation; place != nil {
		t.Errorf("a captured policy has a file: %+v", place)
	}
}

// TestSARIFAggregates holds that results are by namespace and that no workload gets lost.
func TestSARIFAggregates(t *testing.T) {
	r := fleet(t, 4, 10_000, false)
	workloads := 0
	results := sarifOf(t, r).Runs[0].Results
	for _, result := range results {
		workloads += result.Properties.Workloads
		if n := len(result.Locations[0].LogicalLocations); n > 20 {
			t.Fatalf("a result names %d workloads", n)
		}
	}
	if most := 2 * len(r.Namespaces); len(results) > most {
		t.Errorf("%d results for %d namespaces and two rules, want at most %d", len(results), len(r.Namespaces), most)
	}
	if workloads != 10_000 {
		t.Errorf("the results count %d workloads, want 10000", workloads)
	}
}
