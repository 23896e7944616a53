package reports

import (
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// PolicyReports is what Kyverno's background scan would find in the captured objects: the
// results that PolicyReports show, under each policy set.
type PolicyReports struct {
	Objects  int           `json:"objects"`  // that were scanned
	Rules    []ScannedRule `json:"rules"`    // by policy and rule
	Findings []ScanFinding `json:"findings"` // what newly fails, warns, errs or is not known
}

// ScannedRule counts the results of one rule.
type ScannedRule struct {
	Policy    verdict.PolicyRef `json:"policy"`
	Rule      string            `json:"rule"`               // empty for policies without named rules
	Baseline  map[string]int    `json:"baseline,omitempty"` // results by outcome; nil when there are none
	Candidate map[string]int    `json:"candidate,omitempty"`
}

// ScanFinding is one result that the baseline does not have.
type ScanFinding struct {
	Cluster   string            `json:"cluster"`
	Kind      string            `json:"kind"`
	Namespace string            `json:"namespace,omitempty"`
	Name      string            `json:"name"`
	Policy    verdict.PolicyRef `json:"policy"`
	Rule      string            `json:"rule"`
	Before    string            `json:"before,omitempty"` // the baseline's outcome; empty when there is no result
	After     string            `json:"after"`            // the candidate's outcome
	Message   string            `json:"message"`
}

func policyReportsOf(s *blast.Scan) *PolicyReports {
	if s == nil {
		return nil
	}
	out := &PolicyReports{Objects: s.Objects, Rules: []ScannedRule{}, Findings: []ScanFinding{}}
	for _, r := range s.Rules {
		row := ScannedRule{Policy: r.Policy, Rule: r.Rule}
		if r.Baseline != nil {
			row.Baseline = outcomesOf(r.Baseline)
		}
		if r.Candidate != nil {
			row.Candidate = outcomesOf(r.Candidate)
		}
		out.Rules = append(out.Rules, row)
	}
	for _, f := range s.Findings {
		found := ScanFinding{Cluster: f.Cluster, Kind: f.Kind, Namespace: f.Namespace, Name: f.Name, Policy: f.Policy, Rule: f.Rule, After: f.After.String(), Message: f.Message}
		if f.Before != 0 {
			found.Before = f.Before.String()
		}
		out.Findings = append(out.Findings, found)
	}
	return out
}
