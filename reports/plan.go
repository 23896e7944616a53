package reports

import (
	"time"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// PlanSchemaVersion is the version of a plan's JSON form; it grows as [SchemaVersion] does.
const PlanSchemaVersion = 1

// PlanKind tells a saved plan from a saved report.
const PlanKind = "plan"

// PlanStatus is the short answer of a plan.
type PlanStatus string

// The statuses of a plan; they decide the exit code (0, 1).
const (
	// Planned: everything goes where the hub objects say.
	Planned PlanStatus = "planned"
	// Refused: the distributor refuses something: an object, a placement's selection or
	// scheduling, a run, an override on some cluster.
	Refused PlanStatus = "refused"
)

// Plan is what each member of a fleet gets at each stage after a hub has changed. It is
// sorted and counted; renderers only lay it out.
type Plan struct {
	SchemaVersion int             `json:"schemaVersion"`
	Kind          string          `json:"kind"` // always "plan"
	Tool          Tool            `json:"tool"`
	Question      PlanQuestion    `json:"question"`
	Status        PlanStatus      `json:"status"`
	Headline      string          `json:"headline"` // one sentence, no full stop
	Refusals      []string        `json:"refusals"` // what makes the status refused, a sentence each
	Totals        PlanTotals      `json:"totals"`
	Clusters      []PlanCluster   `json:"clusters"`   // by name
	Stages        []PlanStage     `json:"stages"`     // in the order of time, without the state before
	Policies      []PlanPolicy    `json:"policies"`   // the policies, exceptions and bindings of the hub and its members, by kind and name
	Groups        []PlanGroup     `json:"groups"`     // clusters that see the same of all policies, the largest group first
	Placements    []PlanPlacement `json:"placements"` // by kind, namespace, name
	Warnings      []PlanWarning   `json:"warnings"`
	Problems      []PlanProblem   `json:"problems"` // hub objects that are refused
	Notes         []string        `json:"notes"`    // anything else a reader must know to trust the plan
}

// PlanQuestion is what was asked.
type PlanQuestion struct {
	Hub         PlanHub   `json:"hub"`
	From        *PlanHub  `json:"from,omitempty"` // the state before; absent when nothing was placed yet
	Fleet       string    `json:"fleet"`          // where the clusters come from
	Distributor string    `json:"distributor"`    // "KubeFleet v0.3.1"
	Events      []string  `json:"events,omitempty"`
	At          time.Time `json:"at"` // the clock of heartbeats and waits
}

// PlanHub names a state of a hub.
type PlanHub struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
	Digest   string `json:"digest"`
	Policies int    `json:"policies"`
	Others   int    `json:"others"` // exceptions, bindings, and whatever else placements may select
}

// PlanTotals counts.
type PlanTotals struct {
	Clusters        int `json:"clusters"`
	ClustersChanged int `json:"clustersChanged"` // where a policy, an exception or a binding changes in some stage
	Policies        int `json:"policies"`        // of the hub and of its members; exceptions and bindings are not counted
	PoliciesChanged int `json:"policiesChanged"` // in some stage, on some cluster
	OthersChanged   int `json:"othersChanged"`   // exceptions, bindings and other objects that change
	StagesChanging  int `json:"stagesChanging"`  // stages in which a policy, an exception or a binding changes
	NewlyEnforcing  int `json:"newlyEnforcing"`  // clusters where in the end a policy enforces that did not before
	Behind          int `json:"behind"`          // clusters that in the end hold something else than the hub intends
}

// PlanCluster is a member of the fleet.
type PlanCluster struct {
	Name       string            `json:"name"`
	Labels     map[string]string `json:"labels,omitempty"`
	Taints     []string          `json:"taints,omitempty"` // "key=value:NoSchedule"
	Leaving    bool              `json:"leaving,omitempty"`
	Production bool              `json:"production,omitempty"` // a label env, environment, tier or stage says so
	First      int               `json:"first,omitempty"`      // number of the first stage that changes a policy there; 0: none does
	Last       int               `json:"last,omitempty"`       // and of the last
}

// PlanStage is a moment at which something changes.
type PlanStage struct {
	Number    int           `json:"number"` // from 1
	Name      string        `json:"name"`
	Placement string        `json:"placement,omitempty"`
	Run       string        `json:"run,omitempty"`
	At        time.Duration `json:"at"` // nanoseconds since the hub objects changed, at the earliest
	Needs     []string      `json:"needs,omitempty"`
	Note      string        `json:"note,omitempty"`
	Clusters  []string      `json:"clusters"` // that the stage reaches, by name
	Changes   []PlanChange  `json:"changes"`  // policies first, then exceptions and bindings, then other objects
	Modes     []PlanModes   `json:"modes"`    // what the clusters enforce after the stage
}

// PlanChange is one change of one object, on all clusters that see the same.
type PlanChange struct {
	Object   placement.ObjectRef `json:"object"`
	Change   string              `json:"change"`           // "added", "removed", "changed"
	Effect   PlanEffect          `json:"effect,omitempty"` // absent of what decides nothing
	Policy   bool                `json:"policy,omitempty"` // the object decides about requests: a policy, an exception, a binding
	Before   *PlanVersion        `json:"before,omitempty"`
	After    *PlanVersion        `json:"after,omitempty"`
	Clusters []string            `json:"clusters"`
}

// PlanEffect says which way a change of a policy goes.
type PlanEffect string

// The effects.
const (
	Enforces PlanEffect = "enforces" // it refuses requests, and did not before; or it is an exception that goes
	Relaxes  PlanEffect = "relaxes"  // it refused requests, and does no more; or it is an exception that arrives
	Alters   PlanEffect = "alters"   // anything else
)

// PlanVersion is an object as members hold it.
type PlanVersion struct {
	Digest     string      `json:"digest"`         // the first 12 digits
	Mode       policy.Mode `json:"mode,omitempty"` // of a policy that has one
	Placement  string      `json:"placement,omitempty"`
	Index      int         `json:"index"`                // of the resource snapshot; where clusters hold the same content of several, the latest
	Overrides  []string    `json:"overrides,omitempty"`  // whose patches it got, in order
	Exceptions []string    `json:"exceptions,omitempty"` // that the hub places beside it, for this policy
	Stale      string      `json:"stale,omitempty"`      // why it is not what the hub intends
	Unbound    bool        `json:"unbound,omitempty"`    // a policy of Kubernetes' own that no binding beside it names: it does nothing
}

// PlanModes counts the policies that clusters hold after a stage, by mode.
type PlanModes struct {
	Enforce    int      `json:"enforce"`
	Audit      int      `json:"audit"`  // with those that warn
	Others     int      `json:"others"` // that have no mode: they mutate, generate, clean up
	Exceptions int      `json:"exceptions"`
	Clusters   []string `json:"clusters"`
}

// PlanPolicy is a row of the matrix.
type PlanPolicy struct {
	Object placement.ObjectRef `json:"object"`
	File   string              `json:"file,omitempty"`
	Line   int                 `json:"line,omitempty"`
	Before []PlanHolding       `json:"before"` // versions and who holds them; clusters without it are left out
	After  []PlanHolding       `json:"after"`  // after the last stage
}

// PlanHolding is a version and the clusters that hold it.
type PlanHolding struct {
	Version  PlanVersion `json:"version"`
	Clusters []string    `json:"clusters"`
}

// PlanGroup is clusters that see the same of all policies.
type PlanGroup struct {
	Clusters []string   `json:"clusters"`
	Cells    []PlanCell `json:"cells"` // one for each row of policies, in their order
}

// PlanCell is what a cluster holds of a policy: its mode, "on" where it has none,
// "unbound" where no binding lets it do anything, nothing where the cluster does not hold it.
type PlanCell struct {
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Change string `json:"change,omitempty"` // "added", "removed", "changed"; absent where it stays
}

// PlanPlacement is a placement and what becomes of it.
type PlanPlacement struct {
	Kind      string                  `json:"kind"`
	Namespace string                  `json:"namespace,omitempty"`
	Name      string                  `json:"name"`
	File      string                  `json:"file,omitempty"`
	Line      int                     `json:"line,omitempty"`
	Type      placement.PlacementType `json:"type"`
	Strategy  string                  `json:"strategy"`
	Index     int                     `json:"index"` // of the latest resource snapshot; -1: none
	Selected  []placement.ObjectRef   `json:"selected"`
	Scheduled placement.Condition     `json:"scheduled"`
	Decisions []PlanDecision          `json:"decisions"` // picked first; one for all clusters with the same reason
	Runs      []placement.RunOutcome  `json:"runs,omitempty"`
	Overrides []placement.OverrideUse `json:"overrides,omitempty"`
}

// PlanDecision is why clusters are picked, or not.
type PlanDecision struct {
	Selected bool     `json:"selected"`
	Sticky   bool     `json:"sticky,omitempty"` // kept, though they would not be picked today
	Reason   string   `json:"reason"`           // the distributor's own words; … stands for the cluster
	Clusters []string `json:"clusters"`
}

// PlanWarning is something that surprises people.
type PlanWarning struct {
	Code    string   `json:"code"`
	File    string   `json:"file,omitempty"`
	Line    int      `json:"line,omitempty"`
	Object  string   `json:"object,omitempty"`
	Text    string   `json:"text"`
	Fix     string   `json:"fix,omitempty"`
	Members []string `json:"members,omitempty"`
}

// PlanProblem is a hub object that an API server or the distributor refuses.
type PlanProblem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Object string `json:"object,omitempty"`
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"` // a way out, where one is known
}
