package placement

import (
	"context"
	"time"

	"github.com/seatrial/seatrial/simulator/policy"
)

// Release names the behaviours of one release of KubeFleet.
type Release string

// The releases whose behaviours are known.
const (
	V031 Release = "v0.3.1" // the default
	Main Release = "main"   // at e160c1c
)

// Options choose what is not written in hub objects.
type Options struct {
	KubeFleet Release   // "" is V031
	At        time.Time // the clock: heartbeats, waits
	Dir       string    // working directory of relative sources; "" is the process's
	// Store is what the hub's API server makes of an object that is not KubeFleet's: the
	// object as it is stored, the fields that were dropped, and the reason not to take it.
	// nil: everything is taken as it is written.
	Store func(policy.Object) (policy.Object, []string, error)
}

// A Distributor foretells how a change of hub objects reaches the members of a fleet.
// [KubeFleet] is one; others (Open Cluster Management, Karmada, Argo CD ApplicationSets,
// Flux in each cluster) fit in the same place.
type Distributor interface {
	Plan(ctx context.Context, q Question) (*Plan, error)
}

// A Question is a change of a hub.
type Question struct {
	History []*Hub    // states before Before, the oldest first: runs can go back to their resource snapshots
	Before  *Hub      // what the members run today came from this state; nil: nothing was placed yet
	After   *Hub      // the state that is asked about
	Members []*Member // the fleet; those of the hubs are added where it does not name them
	Events  []Event   // what happens after the hub objects have changed, in order
	// Installed is what members are known to have, by name; it decides about take-over and
	// tells of drift. nil: nothing is there but what Before placed.
	Installed map[string]*policy.Set
	// Namespaces tells whether a member has a namespace that no placement brings, and
	// whether that is known; nil: it never is, and the namespace is assumed to be there.
	Namespaces func(member, namespace string) (there, known bool)
	// RunsElsewhere has External placements that no update run of the hub names count as
	// shipped: the runs are made elsewhere.
	RunsElsewhere bool
	// Refuses says how a member takes an object; nil: everything is taken.
	Refuses func(member string, o policy.Object) Refusal
}

// A Refusal is why a member does not take an object, or what it drops of it.
type Refusal struct {
	Reason  string // "" when it takes it
	By      By
	Dropped []string // fields that its API server does not know
}

// By says who of a member refuses an object.
type By int

// Who refuses objects.
const (
	ByServer  By = iota // its API server
	ByKyverno           // the webhook of its Kyverno
)

// An Event is something that happens to a fleet: "cluster-3 leaves", "cluster-9 joins",
// "cluster-4 label env=dev", "cluster-4 taint key=value:NoSchedule",
// "cluster-5 unhealthy 10m", "cluster-5 healthy", "cluster-5 kyverno down", "hub down", "hub up",
// "approve RUN/STAGE", "stop RUN", "resume RUN".
type Event struct {
	Text    string   `json:"text"` // as asked
	Subject string   `json:"-"`    // the member, "hub", or the run
	Verb    string   `json:"-"`    // "leaves", "label", …
	Args    []string `json:"-"`
	// Timed events ("cluster-3 leaves @30m") happen At a time since the hub objects changed,
	// in the middle of what is under way then; others when everything before is through.
	Timed bool          `json:"-"`
	At    time.Duration `json:"-"`
}

// A Plan is what each member gets at each stage.
type Plan struct {
	Distributor string           `json:"distributor"` // "KubeFleet v0.3.1"
	Members     []*Member        `json:"members"`     // by name
	Placements  []Placement      `json:"placements"`  // by kind, namespace, name
	Stages      []Stage          `json:"stages"`      // in the order of time; the first is what is there before
	Warnings    []Warning        `json:"warnings,omitempty"`
	Problems    []policy.Problem `json:"problems,omitempty"` // hub objects that would be refused, with the reason
}

// A Placement is a (Cluster)ResourcePlacement with what became of it, after all stages.
type Placement struct {
	Kind      string        `json:"kind"` // ClusterResourcePlacement or ResourcePlacement
	Namespace string        `json:"namespace,omitempty"`
	Name      string        `json:"name"`
	File      string        `json:"file,omitempty"`
	Line      int           `json:"line,omitempty"`
	Type      PlacementType `json:"type"`
	Strategy  string        `json:"strategy"`       // RollingUpdate or External
	Selected  []ObjectRef   `json:"selected"`       // in the order in which they are applied
	Scheduled Condition     `json:"scheduled"`      // KubeFleet's own reason and message
	Decisions []Decision    `json:"decisions"`      // one for each member, and for each name that is no member; by cluster
	Index     int           `json:"index"`          // of the latest resource snapshot; -1: none
	Runs      []RunOutcome  `json:"runs,omitempty"` // staged update runs, in the order in which they started
	Overrides []OverrideUse `json:"overrides,omitempty"`
}

// A Condition is a condition of a hub object: the fields as KubeFleet writes them.
type Condition struct {
	Status  string `json:"status"` // True, False, Unknown
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
}

// An ObjectRef names an object of a hub.
type ObjectRef struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// A Decision says whether a placement goes to a cluster, and why.
type Decision struct {
	Cluster       string `json:"cluster"`
	Selected      bool   `json:"selected"`
	AffinityScore int    `json:"affinityScore"`
	SpreadScore   int    `json:"topologySpreadScore"`
	Reason        string `json:"reason"`           // KubeFleet's text
	Sticky        bool   `json:"sticky,omitempty"` // selected earlier and kept, though it would not be picked today
}

// An OverrideUse says where an override was used.
type OverrideUse struct {
	Name     string   `json:"name"`              // the snapshot: "dev-audit-0"; of ResourceOverrides with the namespace: "team-a/x-0"
	Clusters []string `json:"clusters"`          // where one of its rules matched
	Deleted  []string `json:"deleted,omitempty"` // where it leaves an object out
	Failed   []string `json:"failed,omitempty"`
	Reason   string   `json:"reason,omitempty"` // why it failed
}

// A RunOutcome is how a staged update run ended, or where it stands.
type RunOutcome struct {
	Name      string    `json:"name"`
	Index     int       `json:"index"` // the resource snapshot that it ships; -1: it did not come so far
	Condition Condition `json:"condition"`
	Waiting   string    `json:"waiting,omitempty"` // "approval run-1-after-canary", "1h", …
	Assumed   []string  `json:"assumed,omitempty"` // approvals that nobody has given and the plan takes as given: "run-1-after-canary"
}

// A Stage is a moment at which something changes on members.
type Stage struct {
	Name      string            `json:"name"`                // "before", "first rollout", "wave 2 of 5", "stage canary of run-1", "event: cluster-3 leaves"
	Placement string            `json:"placement,omitempty"` // whose objects move
	Run       string            `json:"run,omitempty"`
	Clusters  []string          `json:"clusters"`        // that change
	At        time.Duration     `json:"at"`              // since the hub objects changed, at the earliest
	Needs     []string          `json:"needs,omitempty"` // "approval run-1-after-canary", "the next rollout of ClusterResourcePlacement/all"
	Note      string            `json:"note,omitempty"`  // how KubeFleet says it
	States    map[string]*State `json:"states"`          // by member: what it holds after the stage; shared between stages where nothing changes
}

// NextRollout begins the need of a stage that nothing starts by itself.
const NextRollout = "the next rollout"

// A State is what a member holds from the hub.
type State struct {
	Delivered []Delivered `json:"delivered"` // by group, kind, namespace, name
}

// Delivered is an object as a member has it.
type Delivered struct {
	Object    policy.Object `json:"object"` // after overrides
	Placement string        `json:"placement"`
	Index     int           `json:"index"`               // of the resource snapshot
	Overrides []string      `json:"overrides,omitempty"` // snapshots whose patches it got, in order
	Stale     string        `json:"stale,omitempty"`     // why it is not the version that the hub intends
}

// A Warning is something that surprises people.
type Warning struct {
	Code    string   `json:"code"` // "override-without-effect", "cluster-in-no-stage", …: docs/plan.md lists them
	File    string   `json:"file,omitempty"`
	Line    int      `json:"line,omitempty"`
	Object  string   `json:"object,omitempty"` // "ClusterResourceOverride/dev-audit"
	Text    string   `json:"text"`
	Fix     string   `json:"fix,omitempty"`
	Members []string `json:"members,omitempty"` // where it matters
}

// Set is what a member holds as a policy set, for replaying and for comparing.
func (s *State) Set(source string) *policy.Set {
	var objects, others []policy.Object
	for _, d := range s.Delivered {
		if policy.IsPolicyKind(d.Object.APIVersion, d.Object.Kind) {
			objects = append(objects, d.Object)
		} else {
			others = append(others, d.Object)
		}
	}
	set := policy.FromObjects(source, objects)
	set.Others = others
	return set
}
