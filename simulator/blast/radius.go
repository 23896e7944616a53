package blast

import (
	"encoding/json"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Radius is the changes of a whole replay, rolled up. Slices are in canonical order:
// clusters as captured, workloads and groups by their names.
type Radius struct {
	Requests     int
	Incomplete   int            // records without a body
	Answered     int            // patches whose object is the answer to them, with what the policies then in force made of it
	OutOfScope   int            // no webhook would see them, under either side
	ScopeReasons map[string]int // why
	Workloads    int            // distinct root owners
	// TemplatePods are pods, and TemplateOthers Jobs of CronJobs and claims of StatefulSets, that were made
	// of workloads' templates and judged as well, where the capture has none; of TemplatePodsDiffer
	// of both the answer says more than that of the workload.
	TemplatePods, TemplateOthers, TemplatePodsDiffer int
	TemplateReasons                                  map[string]int // why of both no policy is asked, under either side
	// AppliedAgain are objects of clusters that were judged as updates as well; of AppliedAgainDiffer
	// the answer says more than that of the creation.
	AppliedAgain, AppliedAgainDiffer int
	From, To                         *time.Time // of the recorded times
	Baseline                         Side
	Candidate                        Side
	Requested                        Counts // changed requests by class
	Owned                            Counts // changed workloads by class
	Policies                         map[verdict.PolicyRef]*Policy
	// Asked are the candidate's policies that said something, also of what nobody sent; Deletions are
	// the requests that delete.
	Asked      map[verdict.PolicyRef]bool
	Deletions  int
	Clusters   []*Cluster
	Changed    []*Workload
	Unknowns   []Unknown
	Budget     []Limit
	ObjectsCut int // workloads whose object was not kept, for size
}

// Side counts what one policy set says.
type Side struct {
	Decisions map[verdict.Decision]int
	Outcomes  map[verdict.Outcome]int
}

// Policy counts one policy's part.
type Policy struct {
	Requests  Counts
	Workloads Counts
	Baseline  map[verdict.Outcome]int
	Candidate map[verdict.Outcome]int
}

// Cluster is one cluster of the capture.
type Cluster struct {
	Name       string
	Labels     map[string]string
	Requests   int
	Workloads  int
	Requested  Counts
	Owned      Counts
	Namespaces []*Namespace
}

// Namespace is one namespace of a cluster; the empty name holds cluster-scoped objects.
type Namespace struct {
	Name      string
	Workloads int
	Requested Counts
	Owned     Counts
}

// Workload is a root owner with at least one changed request.
type Workload struct {
	Cluster   string
	Namespace string
	Kind      string
	Name      string
	Team      string
	Requested Counts
	Bites     map[Bite]int // of newly denied requests
	First     *time.Time
	Last      *time.Time
	Users     []string // at most maxUsers, in order of appearance
	Findings  []*Finding
	Object    json.RawMessage // of the first changed request; nil past maxObjects
	Origin    capture.Origin
}

// Finding is one change of a workload: a rule and how its answer changed, over all its requests.
type Finding struct {
	Class    diff.Class
	Policy   verdict.PolicyRef
	Rule     string
	Bite     Bite // soonest
	Requests int
	Subject  string // of the first: "Pod/shop/cart-7d9f"
	Before   *verdict.Verdict
	After    *verdict.Verdict
	Message  string
	Patch    json.RawMessage
	OldPatch json.RawMessage
	Objects  []string
}

// Unknown is one thing that could not be known.
type Unknown struct {
	Side     string // "baseline", "candidate"
	Reason   string
	Resolve  string
	Requests int
	Policies []verdict.PolicyRef // sorted
}

// Limit is one line of the budget and what was found.
type Limit struct {
	Name     string
	Allowed  string
	Found    string
	Exceeded bool
}
