package reports

import (
	"time"

	"github.com/seatrial/seatrial/simulator/drift"
)

// DriftSchemaVersion is the version of the JSON form of drift; it grows as [SchemaVersion] does.
const DriftSchemaVersion = 1

// DriftKind tells a saved report of drift from another one.
const DriftKind = "drift"

// Drift is what differs between what a hub intends for each cluster and what a capture
// shows there. It is sorted and counted; renderers only lay it out.
type Drift struct {
	SchemaVersion int              `json:"schemaVersion"`
	Kind          string           `json:"kind"` // always "drift"
	Tool          Tool             `json:"tool"`
	Question      DriftQuestion    `json:"question"`
	Status        Status           `json:"status"`
	Headline      string           `json:"headline"` // one sentence, no full stop
	Budget        []DriftLimit     `json:"budget"`   // every kind of finding, worst first
	Totals        DriftTotals      `json:"totals"`
	Clusters      []DriftCluster   `json:"clusters"`     // by name
	Objects       []DriftObject    `json:"objects"`      // the matrix: those with the worst findings first
	Findings      []DriftFinding   `json:"findings"`     // worst first; what is found alike in several clusters is one
	Exceptions    []DriftException `json:"exceptions"`   // by name
	NotEvaluated  []DriftUnknown   `json:"notEvaluated"` // what could not be compared: it is not in sync
	Unverified    []DriftUnknown   `json:"unverified"`   // what could not be told of exceptions that were compared
	Notes         []string         `json:"notes"`        // anything else a reader must know to trust the numbers
}

// DriftQuestion is what was asked.
type DriftQuestion struct {
	Hub         DriftHub  `json:"hub"`
	Fleet       string    `json:"fleet"` // where the clusters come from
	Capture     Capture   `json:"capture"`
	Distributor string    `json:"distributor"` // "KubeFleet v0.3.1"
	At          time.Time `json:"at"`          // the clock by which exceptions expire
}

// DriftHub names the state of the hub.
type DriftHub struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
	Digest   string `json:"digest"`
}

// DriftLimit is how many findings of a kind are allowed, and how many there are.
type DriftLimit struct {
	Kind     drift.Kind `json:"kind"`
	Allowed  int        `json:"allowed"`
	Found    int        `json:"found"`            // that count: those of exempt clusters and namespaces do not
	Exempt   int        `json:"exempt,omitempty"` // that do not count
	Exceeded bool       `json:"exceeded"`
}

// DriftTotals counts.
type DriftTotals struct {
	Clusters     int                `json:"clusters"`
	InSync       int                `json:"inSync"`  // clusters of which everything is as intended
	Drifted      int                `json:"drifted"` // clusters with a finding
	NotCaptured  int                `json:"notCaptured"`
	Objects      int                `json:"objects"`      // objects times clusters that were compared or should have been
	NotEvaluated int                `json:"notEvaluated"` // of them
	Findings     map[drift.Kind]int `json:"findings"`     // an object of a cluster counts once in each of its kinds
}

// DriftCluster is a member of the fleet.
type DriftCluster struct {
	Name         string            `json:"name"`
	Labels       map[string]string `json:"labels,omitempty"`
	Captured     bool              `json:"captured"`
	Requests     int               `json:"requests"` // of the capture that were replayed for its exceptions; -1: none was
	InSync       int               `json:"inSync"`   // objects
	NotEvaluated int               `json:"notEvaluated"`
	Findings     int               `json:"findings"`
}

// DriftObject is one row of the matrix: a policy, an exception, or what goes with them.
type DriftObject struct {
	Object drift.Ref   `json:"object"`
	Worst  drift.State `json:"worst"`
	Cells  []DriftCell `json:"cells"` // one for each cluster, in their order
}

// DriftCell is one object in one cluster.
type DriftCell struct {
	State     drift.State  `json:"state,omitempty"`     // absent: neither intended nor installed
	Kinds     []drift.Kind `json:"kinds,omitempty"`     // of its findings, worst first
	Placement string       `json:"placement,omitempty"` // that brings it; absent: none does
	Overrides []string     `json:"overrides,omitempty"` // whose patches it gets
	Stale     string       `json:"stale,omitempty"`     // why the hub does not bring its latest version
}

// DriftFinding is one way in which an object is not as intended, wherever it is found alike.
type DriftFinding struct {
	Kind        drift.Kind         `json:"kind"`
	Object      drift.Ref          `json:"object"`
	Clusters    []string           `json:"clusters"`
	Exempt      []string           `json:"exempt,omitempty"`      // of the clusters, those where the budget does not count it
	Text        string             `json:"text"`                  // one sentence, no full stop
	Fix         string             `json:"fix,omitempty"`         // what to do about it
	Differences []drift.Difference `json:"differences,omitempty"` // of weakened, strengthened, other-version
}

// DriftException is an exception that is the same in some clusters.
type DriftException struct {
	Object   drift.Ref    `json:"object"`
	Origin   drift.Origin `json:"origin"`
	Policies []string     `json:"policies"` // that it names, with the rules where it names some
	Said     []drift.Said `json:"said,omitempty"`
	Until    *time.Time   `json:"until,omitempty"`
	UntilBy  string       `json:"untilBy,omitempty"` // where that is written
	Expired  bool         `json:"expired,omitempty"`
	Clusters []DriftUse   `json:"clusters"`
	Total    *drift.Use   `json:"total,omitempty"` // of the clusters where it is known; absent where of none
	Kinds    []drift.Kind `json:"kinds,omitempty"` // of its findings in any cluster, worst first
}

// DriftUse is what an exception did in one cluster.
type DriftUse struct {
	Cluster   string     `json:"cluster"`
	Installed bool       `json:"installed"`
	Uses      *drift.Use `json:"uses,omitempty"` // in the capture; absent: not known
}

// DriftUnknown is what could not be told, and why.
type DriftUnknown struct {
	Objects  []drift.Ref `json:"objects,omitempty"` // absent: whole clusters
	Clusters []string    `json:"clusters"`
	Reason   string      `json:"reason"`
}
