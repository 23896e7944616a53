// Package diff compares what two policy sets say of the same request. [Compare] has two
// levels. The request is the unit of blast radius: one that is already refused is not
// newly denied because a second rule refuses it too. Below it are the rules that explain
// the change.
package diff

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// Class says how the answer changed.
type Class string

// The classes, worst first. A request has at most one of NewlyDenied and NewlyAllowed.
const (
	NewlyDenied       Class = "newly-denied"       // was admitted, would be refused
	Error             Class = "error"              // the engine could not evaluate the candidate
	Undecided         Class = "undecided"          // the candidate's answer is not known
	NewlyAllowed      Class = "newly-allowed"      // was refused, would be admitted
	NewlyFailing      Class = "newly-failing"      // a new failure that does not block: Audit
	NewlyWarned       Class = "newly-warned"       // the user would see a new warning
	MutationChanged   Class = "mutation-changed"   // another object would be stored
	GenerationChanged Class = "generation-changed" // other objects would be generated, changed or deleted
	Resolved          Class = "resolved"           // failed before, does not any more
)

// Classes lists the classes in order, worst first.
func Classes() []Class {
	return []Class{NewlyDenied, Error, Undecided, NewlyAllowed, NewlyFailing, NewlyWarned, MutationChanged, GenerationChanged, Resolved}
}

// Rank is the position of a class in [Classes].
func (c Class) Rank() int { return slices.Index(Classes(), c) }

// Change is one difference of one request, with the rule that explains it. A request that
// changes has one or more.
type Change struct {
	Class    Class
	Policy   verdict.PolicyRef // zero when no single rule explains it
	Rule     string
	Before   *verdict.Verdict // nil: the rule said nothing
	After    *verdict.Verdict
	Message  string
	Patch    json.RawMessage // MutationChanged: what the policy does to the object, on each side
	OldPatch json.RawMessage
	Objects  []string // GenerationChanged: "+ …", "- …", "~ …"
}

// Compare lists the changes from before to after, worst class first, then by policy and rule.
// Undecided and Error are listed even if the baseline was too: they are gaps of the answer.
func Compare(before, after *verdict.Judgement) []Change {
	c := comparison{before: before, after: after, old: byRule(before), new: byRule(after)}
	c.decision()
	c.rules()
	c.mutation()
	c.generation()
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		return cmp.Or(a.Class.Rank()-b.Class.Rank(), a.Policy.Compare(b.Policy), cmp.Compare(a.Rule, b.Rule))
	})
	return c.changes
}

type ruleKey struct {
	policy verdict.PolicyRef
	rule   string
	kind   verdict.RuleType
}

type comparison struct {
	before, after *verdict.Judgement
	old, new      map[ruleKey]*verdict.Verdict
	changes       []Change
}

func byRule(j *verdict.Judgement) map[ruleKey]*verdict.Verdict {
	rules := make(map[ruleKey]*verdict.Verdict, len(j.Verdicts))
	for i := range j.Verdicts {
		v := &j.Verdicts[i]
		key := ruleKey{v.Policy, v.Rule, v.Type}
		if known, ok := rules[key]; !ok || v.Outcome > known.Outcome {
			rules[key] = v
		}
	}
	return rules
}

// decision adds what happened to the request as a whole, explained by the rules that decided.
func (c *comparison) decision() {
	from, to := c.before.Decision, c.after.Decision
	switch {
	case to == verdict.Denied && from != verdict.Denied:
		c.explain(NewlyDenied, c.after, c.after.Message, blocks)
	case from == verdict.Denied && (to == verdict.Allowed || to == verdict.OutOfScope):
		c.explain(NewlyAllowed, c.before, c.before.Message, blocks)
	case to == verdict.DecisionError:
		c.changes = append(c.changes, Change{Class: Error, Message: c.after.Reason})
	}
}

// blocks tells whether a verdict refuses a request.
func blocks(v *verdict.Verdict) bool {
	return v.Outcome == verdict.Error || v.Outcome == verdict.Fail && (v.Action == verdict.Enforce || v.Type != verdict.Validate && v.Action == "")
}

// Refuses tells whether what explains the refusal of a request refuses another one, too, or may: where
// that is refused before the rule is asked, it is taken to.
func Refuses(other *verdict.Judgement, refusal *Change) bool {
	if other.Decision != verdict.Denied || refusal.After == nil {
		return other.Decision == verdict.Denied
	}
	same, ok := byRule(other)[ruleKey{refusal.Policy, refusal.Rule, refusal.After.Type}]
	return !ok || blocks(same)
}

func (c *comparison) explain(class Class, side *verdict.Judgement, message string, holds func(*verdict.Verdict) bool) {
	found := false
	for i := range side.Verdicts {
		v := &side.Verdicts[i]
		key := ruleKey{v.Policy, v.Rule, v.Type}
		if !holds(v) || side == c.after && c.new[key] != v || side == c.before && c.old[key] != v {
			continue
		}
		found = true
		c.add(class, key, v.Message)
	}
	if !found {
		c.changes = append(c.changes, Change{Class: class, Message: message})
	}
}

func (c *comparison) add(class Class, key ruleKey, message string) {
	c.changes = append(c.changes, Change{
		Class: class, Policy: key.policy, Rule: key.rule, Before: c.old[key], After: c.new[key], Message: message,
	})
}

// rules adds what changed without changing the decision, rule by rule.
func (c *comparison) rules() {
	for i := range c.after.Verdicts {
		v := &c.after.Verdicts[i]
		key := ruleKey{v.Policy, v.Rule, v.Type}
		if c.new[key] != v {
			continue
		}
		class, ok := classify(c.old[key], v, c.after.Decision)
		switch {
		case ok && class == Undecided:
			c.add(class, key, v.Reason)
		case ok:
			c.add(class, key, v.Message)
		case warned(c.after, v) && !warned(c.before, c.old[key]) && c.before.Decision != verdict.Denied:
			c.add(NewlyWarned, key, v.Message)
		}
	}
	for i := range c.before.Verdicts {
		v := &c.before.Verdicts[i]
		key := ruleKey{v.Policy, v.Rule, v.Type}
		unasked := c.new[key] == nil && c.after.Decision == verdict.Denied // perhaps refused before
		if c.old[key] == v && failed(v) && !failedOrUnknown(c.new[key]) && c.before.Decision != verdict.Denied && !unasked {
			c.add(Resolved, key, v.Message)
		}
	}
}

func failed(v *verdict.Verdict) bool {
	return v != nil && v.Type != verdict.Delete && (v.Outcome == verdict.Fail || v.Outcome == verdict.Warn)
}

func failedOrUnknown(v *verdict.Verdict) bool {
	return failed(v) || v != nil && (v.Outcome == verdict.Undecided || v.Outcome == verdict.Error)
}

func classify(before, after *verdict.Verdict, decision verdict.Decision) (Class, bool) {
	switch {
	case after.Outcome == verdict.Undecided:
		return Undecided, true
	case after.Outcome == verdict.Error && (decision != verdict.Denied || !blocks(after)):
		return Error, true
	case after.Outcome == verdict.Warn && !failed(before):
		return NewlyWarned, true
	case after.Outcome == verdict.Fail && after.Action != verdict.Enforce && !failed(before):
		return NewlyFailing, true
	}
	return "", false
}
