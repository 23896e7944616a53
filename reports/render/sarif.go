package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const sarifWorkloads = 20 // named in one result; the message tells how many there are

// renderSARIF writes SARIF 2.1.0: one rule for each rule of a policy, one result for each
// rule, class, cluster and namespace, on the file and line of the policy. Resolved
// changes are no problems and are left out.
func renderSARIF(w io.Writer, r *reports.Report, _ Options) error {
	run := sarifRun{
		Tool:        sarifTool{Driver: sarifDriver{Name: r.Tool.Name, Version: r.Tool.Version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: r.Status != reports.Unanswered, Notifications: notifications(r)}},
		Results:     []sarifResult{},
		ColumnKind:  "unicodeCodePoints",
	}
	s := sarifBuilder{run: &run, question: &r.Question, policies: map[verdict.PolicyRef]*reports.Policy{}, rules: map[string]int{}}
	for i := range r.Policies {
		s.policies[r.Policies[i].Ref] = &r.Policies[i]
	}
	for _, group := range sarifGroups(r.Workloads) {
		s.add(group)
	}
	for i := range r.Shortfalls {
		s.shortfall(r, &r.Shortfalls[i])
	}
	for i := range r.Rejected {
		s.rejected(&r.Rejected[i])
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// sarifGroup is what one result tells: a class of change by one rule in one namespace.
type sarifGroup struct {
	key      sarifKey
	bites    []reports.Bite // distinct, as they come
	first    *reports.Finding
	requests int
	owners   []*reports.Workload
}

type sarifKey struct {
	policy             verdict.PolicyRef
	rule               string
	class              reports.Class
	cluster, namespace string
}

// sarifGroups groups the findings in the order of the report, worst workload first.
func sarifGroups(workloads []reports.Workload) []*sarifGroup {
	var groups []*sarifGroup
	known := map[sarifKey]*sarifGroup{}
	for i := range workloads {
		w := &workloads[i]
		for j := range w.Findings {
			f := &w.Findings[j]
			if f.Class == reports.Resolved {
				continue
			}
			key := sarifKey{f.Policy, f.Rule, f.Class, w.Cluster, w.Namespace}
			g := known[key]
			if g == nil {
				g = &sarifGroup{key: key, first: f}
				known[key] = g
				groups = append(groups, g)
			}
			g.add(w, f)
		}
	}
	return groups
}

func (g *sarifGroup) add(w *reports.Workload, f *reports.Finding) {
	g.requests += f.Requests
	if n := len(g.owners); n == 0 || g.owners[n-1] != w {
		g.owners = append(g.owners, w)
	}
	if f.Bite == "" {
		return
	}
	for _, b := range g.bites {
		if b == f.Bite {
			return
		}
	}
	g.bites = append(g.bites, f.Bite)
}

type sarifBuilder struct {
	run      *sarifRun
	question *reports.Question
	policies map[verdict.PolicyRef]*reports.Policy
	rules    map[string]int // position in the driver's rules
}

func (s *sarifBuilder) add(g *sarifGroup) {
	id := ruleID(g.key.policy, g.key.rule)
	policy := s.policies[g.key.policy]
	result := sarifResult{
		RuleID: id, RuleIndex: s.rule(id, g.key, policy), Level: level(g.key.class),
		Message:             sarifText{g.message()},
		PartialFingerprints: map[string]string{"seatrial/v1": g.fingerprint()},
		Properties:          map[string]any{"class": g.key.class, "requests": g.requests, "workloads": len(g.owners)},
	}
	location := sarifLocation{}
	if policy != nil {
		location.Physical = s.place(policy)
	}
	for _, w := range g.owners[:min(len(g.owners), sarifWorkloads)] {
		location.Logical = append(location.Logical, sarifLogical{
			Name:               clean(w.Name),
			FullyQualifiedName: clean(strings.Join([]string{w.Cluster, w.Namespace, w.Kind, w.Name}, "/")),
			Kind:               "resource",
		})
	}
	result.Locations = []sarifLocation{location}
	s.run.Results = append(s.run.Results, result)
}

// place is where a policy is written: in the candidate, or in the baseline if it was removed.
func (s *sarifBuilder) place(p *reports.Policy) *sarifPhysical {
	side := &s.question.Candidate
	if p.Change == "removed" {
		side = &s.question.Baseline
	}
	return physical(inRepository(side, p.File), p.Line)
}

func (s *sarifBuilder) rule(id string, key sarifKey, policy *reports.Policy) int {
	if i, ok := s.rules[id]; ok {
		return i
	}
	rule := sarifRule{ID: id, Name: clean(ruleName(key.policy, key.rule)), Short: sarifText{clean(ruleName(key.policy, key.rule))}}
	if key.policy == (verdict.PolicyRef{}) {
		rule.Name = "decision"
		rule.Short = sarifText{"a change that no single rule explains"}
	}
	if policy != nil {
		if policy.Title != "" {
			rule.Short = sarifText{clean(policy.Title)}
		}
		if policy.Severity != "" {
			rule.Properties = map[string]any{"severity": clean(policy.Severity)}
		}
	}
	return s.addRule(rule)
}

func (s *sarifBuilder) addRule(rule sarifRule) int {
	s.rules[rule.ID] = len(s.run.Tool.Driver.Rules)
	s.run.Tool.Driver.Rules = append(s.run.Tool.Driver.Rules, rule)
	return s.rules[rule.ID]
}

func (s *sarifBuilder) rejected(x *reports.Rejected) {
	const id = "seatrial/rejected-policy"
	i, ok := s.rules[id]
	if !ok {
		i = s.addRule(sarifRule{ID: id, Name: "rejected policy", Short: sarifText{"Kyverno would not accept the policy"}})
	}
	side := &s.question.Candidate
	if x.Side == "baseline" {
		side = &s.question.Baseline
	}
	s.run.Results = append(s.run.Results, sarifResult{
		RuleID: id, RuleIndex: i, Level: "error",
		Message:             sarifText{clean(x.Policy + " would be rejected by Kyverno: " + cut(x.Reason, sarifMessage))},
		Locations:           []sarifLocation{{Physical: physical(inRepository(side, x.File), x.Line)}},
		PartialFingerprints: map[string]string{"seatrial/v1": digest(id, x.Side, x.File, x.Policy)},
	})
}

const sarifMessage = 1000 // bytes of a message that is quoted

func (g *sarifGroup) message() string {
	where := g.key.cluster + "/" + place(g.key.namespace)
	text := fmt.Sprintf("%s in %s: %s", count(len(g.owners), "workload"), where, long(g.key.class))
	if len(g.bites) > 0 {
		text += " " + whens(g.bites)
	}
	text += fmt.Sprintf(" (%s → %s).", g.first.Before, g.first.After)
	if said := firstOf(g.first.Message, g.first.Reason); said != "" {
		text += fmt.Sprintf(" First: %s: %s", owner(g.owners[0]), cut(said, sarifMessage))
	}
	return clean(text)
}

func (g *sarifGroup) fingerprint() string {
	return digest(ruleID(g.key.policy, g.key.rule), string(g.key.class), g.key.cluster, g.key.namespace)
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

func ruleID(p verdict.PolicyRef, rule string) string {
	if p == (verdict.PolicyRef{}) {
		return "seatrial/decision"
	}
	id := p.String()
	if rule != "" {
		id += "/" + rule
	}
	return clean(id)
}

// level is how loud a class is; Resolved never comes here.
func level(c reports.Class) string {
	switch c {
	case reports.NewlyDenied, reports.Error:
		return "error"
	case reports.NewlyFailing, reports.NewlyWarned, reports.NewlyAllowed:
		return "warning"
	}
	return "note"
}
