package reports

import (
	"encoding/json"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// SchemaVersion is the version of the JSON form. It grows when a reader of the old
// form would misread the new one; new fields do not count. Readers ignore fields
// that they do not know.
const SchemaVersion = 1

// Class says how a request's answer changed between the baseline and the candidate.
type Class = diff.Class

// The classes, worst first; simulator/diff says what each means.
const (
	NewlyDenied       = diff.NewlyDenied
	Error             = diff.Error
	Undecided         = diff.Undecided
	NewlyAllowed      = diff.NewlyAllowed
	NewlyFailing      = diff.NewlyFailing
	NewlyWarned       = diff.NewlyWarned
	MutationChanged   = diff.MutationChanged
	GenerationChanged = diff.GenerationChanged
	Resolved          = diff.Resolved
)

// Classes lists the classes in order, worst first.
func Classes() []Class { return diff.Classes() }

// Bite says when a change reaches a workload.
type Bite = blast.Bite

// The bites, soonest first; simulator/blast says what each means.
const (
	BitesNow     = blast.BitesNow
	NextRestart  = blast.NextRestart
	NextRollout  = blast.NextRollout
	NextChange   = blast.NextChange
	NextCreation = blast.NextCreation
)

// Status is the short answer.
type Status string

// The statuses; they decide the exit code (0, 1, 3).
const (
	WithinBudget   Status = "within-budget"
	BudgetExceeded Status = "budget-exceeded"
	Unanswered     Status = "unanswered"
)

// Report is the answer to one question. It is sorted and counted; renderers only lay it out.
type Report struct {
	SchemaVersion int        `json:"schemaVersion"`
	Tool          Tool       `json:"tool"`
	Question      Question   `json:"question"`
	Status        Status     `json:"status"`
	Headline      string     `json:"headline"` // one sentence, no full stop needed by renderers
	Budget        []Limit    `json:"budget"`   // every limit that was checked
	Totals        Totals     `json:"totals"`
	Policies      []Policy   `json:"policies"`   // of both sides; those with the most newly denied first
	Clusters      []Cluster  `json:"clusters"`   // in the capture's order
	Namespaces    []Group    `json:"namespaces"` // most newly denied first; only those with a change
	Teams         []Group    `json:"teams,omitempty"`
	Workloads     []Workload `json:"workloads"` // those with a change, worst first
	Unknowns      []Unknown  `json:"unknowns"`  // what was not known, most requests first
	Rejected      []Rejected `json:"rejected"`  // policies that Kyverno would reject
	Skipped       []Skipped  `json:"skipped"`   // input that could not be read: captures and sets
	Notes         []string   `json:"notes"`     // anything else a reader must know to trust the numbers
	// Stages are those of a hub change; absent when the question was about two policy sets.
	Stages []Stage `json:"stages,omitempty"`
	// Shortfalls are what of a hub change does not ship as asked.
	Shortfalls []Shortfall `json:"shortfalls,omitempty"`
	// PolicyReports is what a background scan would find; absent when that was not asked.
	PolicyReports *PolicyReports `json:"policyReports,omitempty"`
	// Rehearsal is what happened on real clusters; absent when nothing was rehearsed.
	Rehearsal *timeline.Timeline `json:"rehearsal,omitempty"`
}

// Tool names what wrote the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Kyverno string `json:"kyverno"` // the engine's version
}

// Question is what was asked.
type Question struct {
	Captures  []Capture `json:"captures"`
	Baseline  Set       `json:"baseline"`
	Candidate Set       `json:"candidate"`
	At        time.Time `json:"at"` // the clock that exceptions were judged by
}

// Capture names a capture file.
type Capture struct {
	File    string     `json:"file"`
	Digest  string     `json:"digest"`
	Records int        `json:"records"`
	From    *time.Time `json:"from,omitempty"` // oldest and newest recorded request; nil when none has a time
	To      *time.Time `json:"to,omitempty"`
}

// Set names one side.
type Set struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
	Digest   string `json:"digest"`
	Policies int    `json:"policies"`
	Others   int    `json:"others"` // exceptions, bindings, parameters, global context entries
}

// Limit is one line of the budget and what was found.
type Limit struct {
	Name     string `json:"name"` // "newly denied workloads"
	Allowed  string `json:"allowed"`
	Found    string `json:"found"`
	Exceeded bool   `json:"exceeded"`
}

// Counts counts by class; a request or workload may be in several.
type Counts = blast.Counts

// Totals counts requests.
type Totals struct {
	Requests     int            `json:"requests"`     // records in the captures
	OutOfScope   int            `json:"outOfScope"`   // no webhook would see them
	ScopeReasons map[string]int `json:"scopeReasons"` // why, in words
	Incomplete   int            `json:"incomplete"`   // records without a body
	Workloads    int            `json:"workloads"`    // distinct root owners
	// TemplatePods are pods, and TemplateOthers Jobs of CronJobs and claims of StatefulSets, that were
	// made of workloads' templates and judged as well, where the capture has none. Of TemplatePodsDiffer of
	// both the answer says more than that of the workload; these changes are counted with the others.
	TemplatePods       int    `json:"templatePods,omitempty"`
	TemplateOthers     int    `json:"templateOthers,omitempty"`
	TemplatePodsDiffer int    `json:"templatePodsDiffer,omitempty"`
	Baseline           Side   `json:"baseline"`         //
	Candidate          Side   `json:"candidate"`        //
	ChangedRequests    Counts `json:"changedRequests"`  // by class
	ChangedWorkloads   Counts `json:"changedWorkloads"` // by class
}

// Side counts what one policy set says.
type Side struct {
	Decisions map[verdict.Decision]int `json:"decisions"` // of requests
	Outcomes  map[string]int           `json:"outcomes"`  // of verdicts, by outcome
}

// Policy is one policy of either side.
type Policy struct {
	Ref       verdict.PolicyRef `json:"policy"`
	Change    string            `json:"change"` // "added", "removed", "changed", "unchanged"
	File      string            `json:"file,omitempty"`
	Line      int               `json:"line,omitempty"`
	Title     string            `json:"title,omitempty"`
	Severity  string            `json:"severity,omitempty"`
	Requests  Counts            `json:"requests"`           // by class
	Workloads Counts            `json:"workloads"`          // by class
	Baseline  map[string]int    `json:"baseline,omitempty"` // verdicts by outcome; nil when not in the set
	Candidate map[string]int    `json:"candidate,omitempty"`
	Before    string            `json:"before,omitempty"` // the manifest as written; only of policies with a change
	After     string            `json:"after,omitempty"`
}

// Cluster is one cluster of the capture.
type Cluster struct {
	Name            string            `json:"name"`
	Labels          map[string]string `json:"labels,omitempty"`
	Requests        int               `json:"requests"`
	WorkloadsTotal  int               `json:"workloadsTotal"`
	ChangedRequests Counts            `json:"changedRequests"`
	Workloads       Counts            `json:"workloads"`
}

// Group counts a namespace (of one cluster) or a team (over all).
type Group struct {
	Cluster         string `json:"cluster,omitempty"`
	Namespace       string `json:"namespace,omitempty"` // empty: cluster-scoped objects
	Team            string `json:"team,omitempty"`
	WorkloadsTotal  int    `json:"workloadsTotal"`
	ChangedRequests Counts `json:"changedRequests"`
	Workloads       Counts `json:"workloads"`
}

// Workload is a root owner with at least one change.
type Workload struct {
	Cluster   string     `json:"cluster"`
	Namespace string     `json:"namespace,omitempty"`
	Kind      string     `json:"kind"`
	Name      string     `json:"name"`
	Team      string     `json:"team,omitempty"`
	Bites     []Bite     `json:"bites,omitempty"` // of its newly denied requests, soonest first
	Requests  Counts     `json:"requests"`
	First     *time.Time `json:"first,omitempty"` // recorded time of the first and last changed request
	Last      *time.Time `json:"last,omitempty"`
	Users     []string   `json:"users,omitempty"`  // who sent the changed requests; at most 5
	Findings  []Finding  `json:"findings"`         // worst class first
	Object    string     `json:"object,omitempty"` // YAML of the first changed request's object; empty past a limit that Notes tells
	File      string     `json:"file,omitempty"`   // where that object came from
	Line      int        `json:"line,omitempty"`
}

// Finding is one change of a workload: a rule and how its answer changed, over all its requests.
type Finding struct {
	Class    Class             `json:"class"`
	Policy   verdict.PolicyRef `json:"policy,omitzero"`
	Rule     string            `json:"rule,omitempty"`
	Bite     Bite              `json:"bite,omitempty"` // soonest
	Requests int               `json:"requests"`
	Subject  string            `json:"subject"` // the object of the first such request: "Pod/shop/cart-7d9f"
	Before   string            `json:"before"`  // "no rule", "pass", "fail (Audit)", "undecided", …
	After    string            `json:"after"`
	Message  string            `json:"message,omitempty"`
	Patch    json.RawMessage   `json:"patch,omitempty"`    // JSON patch the candidate would make
	OldPatch json.RawMessage   `json:"oldPatch,omitempty"` // and the baseline
	Objects  []string          `json:"objects,omitempty"`  // generation: "+ NetworkPolicy/shop/default-deny", "- …", "~ …"
	Reason   string            `json:"reason,omitempty"`   // of an undecided
	Resolve  string            `json:"resolve,omitempty"`  // and how to decide it
}

// Unknown is one thing that was not known.
type Unknown struct {
	Side     string              `json:"side"` // "baseline", "candidate"
	Reason   string              `json:"reason"`
	Resolve  string              `json:"resolve,omitempty"`
	Requests int                 `json:"requests"`
	Policies []verdict.PolicyRef `json:"policies,omitempty"`
}

// Rejected is a policy that Kyverno would not accept.
type Rejected struct {
	Side   string `json:"side"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Policy string `json:"policy,omitempty"`
	Reason string `json:"reason"`
}

// Skipped is input that could not be read.
type Skipped struct {
	Where  string `json:"where"` // "capture", "baseline", "candidate"
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Reason string `json:"reason"`
}
