// Package verdict holds what an engine says of one record: [Verdict] is one rule's
// answer, [Judgement] the answer to the whole request. Both are the same types
// whether they came from the offline engine or from a live cluster, so that
// agreement between the two is a plain comparison.
package verdict

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Outcome is what one rule said of one record. The zero Outcome is invalid and prints "unset".
type Outcome int

// The outcomes, from harmless to harmful, undecided and error last: they are not answers.
const (
	Unset Outcome = iota
	Pass
	Skip      // preconditions, exception, or existing violation allowed
	Warn      // failed, and the policy asks for a warning only
	Fail      // failed
	Undecided // what the rule needs is not in the capture
	Error     // the engine could not evaluate the rule; in a cluster it would not either
)

var outcomeNames = [...]string{"unset", "pass", "skip", "warn", "fail", "undecided", "error"}

// Outcomes lists every valid outcome in order.
func Outcomes() []Outcome { return []Outcome{Pass, Skip, Warn, Fail, Undecided, Error} }

func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return outcomeNames[o]
}

// MarshalText writes the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a name that MarshalText wrote.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomeNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown outcome %q", text)
	}
	*o = Outcome(i)
	return nil
}

// Decision is what would happen to the whole request.
type Decision string

// The decisions. OutOfScope means that no policy matters to the request: no webhook of Kyverno
// would have seen it (resource filters, excluded users, namespace selector) and it is admitted
// unjudged, or the API server refuses it as it was sent. Denied is also what the API server
// refuses because of what policies made of it.
const (
	Allowed           Decision = "allowed"
	Denied            Decision = "denied"
	DecisionUndecided Decision = "undecided"
	DecisionError     Decision = "error"
	OutOfScope        Decision = "out-of-scope"
)

// PolicyRef names a policy. Namespace is empty for cluster-scoped policies.
type PolicyRef struct {
	Kind      string `json:"kind"` // "ClusterPolicy", "ValidatingPolicy", …
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

func (p PolicyRef) String() string {
	if p.Namespace == "" {
		return p.Kind + "/" + p.Name
	}
	return p.Kind + "/" + p.Namespace + "/" + p.Name
}

// Compare orders policies by kind, namespace, name.
func (p PolicyRef) Compare(q PolicyRef) int {
	return cmp.Or(cmp.Compare(p.Kind, q.Kind), cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(p.Name, q.Name))
}

// RuleType says what a rule does.
type RuleType string

// The rule types.
const (
	Validate       RuleType = "validate"
	Mutate         RuleType = "mutate"
	MutateExisting RuleType = "mutate-existing"
	Generate       RuleType = "generate"
	VerifyImages   RuleType = "verify-images"
	Delete         RuleType = "delete" // CleanupPolicy, DeletingPolicy: would delete the object
)

// Action is what a policy does about a failure.
type Action string

// The actions, in Kyverno's words; CEL policies' Deny is Enforce.
const (
	Enforce    Action = "Enforce"
	Audit      Action = "Audit"
	ActionWarn Action = "Warn"
)

// Verdict is what one rule said of one record.
type Verdict struct {
	Policy     PolicyRef `json:"policy"`
	Rule       string    `json:"rule,omitempty"` // "autogen-check-labels"; empty for CEL policies
	Type       RuleType  `json:"type"`
	Outcome    Outcome   `json:"outcome"`
	Action     Action    `json:"action,omitempty"` // of validate and verify-images rules
	Message    string    `json:"message,omitempty"`
	Exceptions []string  `json:"exceptions,omitempty"` // "namespace/name" of those that applied, sorted
	// Reason of an Undecided: what was not known; Resolve: what to capture to know it.
	Reason  string `json:"reason,omitempty"`
	Resolve string `json:"resolve,omitempty"`
}

// Compare orders verdicts by policy, rule, type.
func (v Verdict) Compare(w Verdict) int {
	return cmp.Or(v.Policy.Compare(w.Policy), cmp.Compare(v.Rule, w.Rule), cmp.Compare(v.Type, w.Type), cmp.Compare(v.Message, w.Message))
}

// Generated is an object that a rule would create, a change it would make to another object, or
// one that is deleted since the rule no longer applies.
type Generated struct {
	Policy PolicyRef       `json:"policy"`
	Rule   string          `json:"rule,omitempty"`
	Target string          `json:"target"`           // "NetworkPolicy/team-a/default-deny"
	Object json.RawMessage `json:"object,omitempty"` // nil when the content could not be known; of a deletion, what is deleted
	// SubResource is the part of the object that is changed; empty: all of it.
	SubResource string `json:"subResource,omitempty"`
	// Deleted: Kyverno deletes the object.
	Deleted bool `json:"deleted,omitempty"`
	// Exists: the object is there before; Same: as the rule would leave it.
	Exists bool `json:"-"`
	Same   bool `json:"-"`
}

// Judgement is the answer to one request under one policy set.
type Judgement struct {
	Decision Decision `json:"decision"`
	Message  string   `json:"message,omitempty"` // what the user would be told on denial
	// Messages are all that the user may be told: when several webhooks deny, the first to
	// answer is heard.
	Messages []string `json:"-"`
	Warnings []string `json:"warnings,omitempty"` // sorted
	// Instead are the words that the user may hear in the place of a warning, where Kyverno draws them.
	Instead map[string][]string `json:"-"`
	// Undelivered are warnings that an API server can tell only where it cuts them: they have line breaks.
	Undelivered []string        `json:"-"`
	Verdicts    []Verdict       `json:"verdicts,omitempty"` // sorted; a rule that does not match has none
	Patch       json.RawMessage `json:"patch,omitempty"`    // JSON patch (RFC 6902) from the object as the API server sends it, defaults filled in, to the admitted one
	Generated   []Generated     `json:"generated,omitempty"`
	// Mutations are the parts that policies have in Patch, in order. An engine tells them where
	// the sides of a request have different patches, for a comparison.
	Mutations []Mutation `json:"-"`
	// Unordered are policies that make a difference by the order in which their webhook runs
	// them, which a cluster draws for each request; the answer is that of one order. Sorted.
	Unordered []PolicyRef `json:"unordered,omitempty"`
	Reason    string      `json:"reason,omitempty"` // why OutOfScope, DecisionUndecided or DecisionError
}

// Written is the name that a policy gives a rule of which Kyverno made others, for the controllers of pods.
func Written(rule string) string {
	return strings.TrimPrefix(strings.TrimPrefix(rule, "autogen-"), "cronjob-")
}
