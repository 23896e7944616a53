package blast

import (
	"cmp"
	"slices"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Scan is what PolicyReports would show after a background scan under each policy set.
type Scan struct {
	Objects  int           // that were scanned
	Rules    []ScannedRule // by policy and rule
	Findings []ScanFinding // in the order of the objects: what newly fails, warns or errs
}

// ScannedRule counts the results of one rule by outcome. A side is nil when the rule has no
// results there.
type ScannedRule struct {
	Policy              verdict.PolicyRef
	Rule                string
	Baseline, Candidate map[verdict.Outcome]int
}

// ScanFinding is a result of the candidate that the baseline does not have.
type ScanFinding struct {
	Cluster, Kind, Namespace, Name string
	Policy                         verdict.PolicyRef
	Rule                           string
	Before                         verdict.Outcome // 0 when there was no result
	After                          verdict.Outcome
	Message                        string
}

// ScanMeter adds up the results of scanned objects.
type ScanMeter struct {
	scan  Scan
	rules map[ruleKey]*ScannedRule
}

type ruleKey struct {
	policy verdict.PolicyRef
	rule   string
}

// NewScanMeter returns an empty meter.
func NewScanMeter() *ScanMeter { return &ScanMeter{rules: map[ruleKey]*ScannedRule{}} }

// Add counts the results of one object under the baseline and the candidate.
func (m *ScanMeter) Add(rec *capture.Record, baseline, candidate []verdict.Verdict) {
	m.scan.Objects++
	before := map[ruleKey]verdict.Outcome{}
	for i := range baseline {
		v := &baseline[i]
		before[ruleKey{v.Policy, v.Rule}] = v.Outcome
		count(&m.rule(v).Baseline, v.Outcome)
	}
	for i := range candidate {
		v := &candidate[i]
		count(&m.rule(v).Candidate, v.Outcome)
		was := before[ruleKey{v.Policy, v.Rule}]
		if was == v.Outcome || v.Outcome == verdict.Pass || v.Outcome == verdict.Skip {
			continue
		}
		m.scan.Findings = append(m.scan.Findings, ScanFinding{
			Cluster: rec.Cluster, Kind: rec.Kind.Kind, Namespace: rec.Namespace, Name: rec.Name,
			Policy: v.Policy, Rule: v.Rule, Before: was, After: v.Outcome, Message: cmp.Or(v.Message, v.Reason),
		})
	}
}

func count(counts *map[verdict.Outcome]int, o verdict.Outcome) {
	if *counts == nil {
		*counts = map[verdict.Outcome]int{}
	}
	(*counts)[o]++
}

func (m *ScanMeter) rule(v *verdict.Verdict) *ScannedRule {
	key := ruleKey{v.Policy, v.Rule}
	if m.rules[key] == nil {
		m.rules[key] = &ScannedRule{Policy: v.Policy, Rule: v.Rule}
	}
	return m.rules[key]
}

// Scan returns the counts.
func (m *ScanMeter) Scan() *Scan {
	m.scan.Rules = nil
	for _, r := range m.rules {
		m.scan.Rules = append(m.scan.Rules, *r)
	}
	slices.SortFunc(m.scan.Rules, func(a, b ScannedRule) int {
		return cmp.Or(a.Policy.Compare(b.Policy), cmp.Compare(a.Rule, b.Rule))
	})
	return &m.scan
}
