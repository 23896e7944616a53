// Package timeline is the record of a rehearsal: what happened on which cluster,
// when, and what was measured. Package rollout writes it, reports shows it.
//
// A [Timeline] is a value that can be saved as JSON and rendered later. Of two
// runs of a scenario with the same seed everything is equal but the times, the
// rates and the latencies: fields of the type [Span] and [Latency].
package timeline

import "time"

// A Timeline is one rehearsal.
type Timeline struct {
	Scenario string    `json:"scenario"` // its name
	File     string    `json:"file,omitempty"`
	Seed     uint64    `json:"seed"`
	Provider string    `json:"provider"` // embedded, kind, existing; of several kinds: "embedded and kind"
	Started  time.Time `json:"started"`
	Took     Span      `json:"took"`
	// Outcome is the worst of the stages': Passed, Held, RolledBack or Failed.
	Outcome  Outcome    `json:"outcome"`
	Error    string     `json:"error,omitempty"` // why the rehearsal ended early
	Clusters []Cluster  `json:"clusters"`        // in fleet order
	Stages   []Stage    `json:"stages"`          // in order, those not reached included
	Rollback []Rollback `json:"rollback,omitempty"`
	Fleet    []Cell     `json:"fleet"` // the fleet at the end: sorted by policy, then cluster
	Hub      *Hub       `json:"hub,omitempty"`
	Faults   []Fault    `json:"faults,omitempty"`   // in the order in which they happened
	Expected []Expected `json:"expected,omitempty"` // in the order of the file
	Fidelity Fidelity   `json:"fidelity"`
	Steps    []Step     `json:"steps"` // everything, in the order it started
}

// An Outcome is how a stage ended.
type Outcome string

// The outcomes, from best to worst.
const (
	Passed     Outcome = "passed"
	Skipped    Outcome = "not reached"
	Held       Outcome = "held"        // a gate held the rollout: somebody must decide
	RolledBack Outcome = "rolled back" // a gate refused and the stage was undone
	Failed     Outcome = "failed"      // a cluster or a component failed; nothing is known
)

// A Span is a length of time, as nanoseconds in JSON.
type Span = time.Duration

// A Cluster is a member of the fleet.
type Cluster struct {
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	Version string            `json:"version"` // Kubernetes
	Ready   Span              `json:"ready"`   // from the decision to make it to its first answered canary
	Objects int               `json:"objects"` // of the captured world, created in it
	Refused []Refusal         `json:"refused,omitempty"`
	// LeftAlone are Deployments that lacked pods before a stage's actions, which then leave them alone.
	LeftAlone []Refusal `json:"leftAlone,omitempty"`
}

// A Refusal counts objects or requests that a cluster did not take for a reason
// that is no policy's.
type Refusal struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	Sample string `json:"sample,omitempty"` // Kind namespace/name of the first
}

// A Stage is one step of the rollout.
type Stage struct {
	Name     string    `json:"name"`
	Index    int       `json:"index"`           // from 0
	Clusters []string  `json:"clusters"`        // whose policies it changes
	Mode     string    `json:"mode"`            // Audit, Enforce, as written, previous, removed
	Scope    []string  `json:"scope,omitempty"` // the namespaces it is limited to
	Changes  []Change  `json:"changes"`
	Start    Span      `json:"start"` // since Started
	Took     Span      `json:"took"`
	Outcome  Outcome   `json:"outcome"`
	Gate     []Check   `json:"gate,omitempty"`
	Traffic  []Traffic `json:"traffic,omitempty"` // by cluster, in fleet order
	Note     string    `json:"note,omitempty"`
	// Placement and Run say whose objects move, in a rehearsal from a hub.
	Placement string `json:"placement,omitempty"`
	Run       string `json:"run,omitempty"`
}

// A Change is a policy that a stage gives to a cluster.
type Change struct {
	Cluster   string `json:"cluster"`
	Policy    string `json:"policy"` // Kind name
	Action    string `json:"action"` // created, updated, deleted, unchanged, withheld
	Mode      string `json:"mode,omitempty"`
	Effective Span   `json:"effective"` // from the write until Kyverno reported it ready; negative: never
	Error     string `json:"error,omitempty"`
}

// A Check is one condition of a gate.
type Check struct {
	What    string `json:"what"`    // denied requests
	Found   string `json:"found"`   // 12
	Allowed string `json:"allowed"` // at most 0
	// Outcome is Passed, Held or RolledBack (what the gate does when the condition fails).
	Outcome Outcome `json:"outcome"`
	Note    string  `json:"note,omitempty"` // why it is inconclusive
}

// Traffic is what one cluster answered to the requests of one stage.
type Traffic struct {
	Cluster  string    `json:"cluster"`
	Sent     int       `json:"sent"`
	Admitted int       `json:"admitted"`
	Denied   int       `json:"denied"`             // by Kyverno's webhooks
	Errors   int       `json:"errors"`             // webhook or server errors
	Unjudged []Refusal `json:"unjudged,omitempty"` // refused before or after admission, by reason
	Warned   int       `json:"warned"`
	Rate     float64   `json:"rate"` // requests a second
	Latency  Latency   `json:"latency"`
	Without  Latency   `json:"without"`           // of the same requests before the rollout
	Denials  []Denial  `json:"denials,omitempty"` // by policy, most first
}

// A Denial counts what a policy denied, with one message as it was shown.
type Denial struct {
	Policy  string `json:"policy"` // name, as Kyverno's message gives it
	Count   int    `json:"count"`
	Sample  string `json:"sample"` // Kind namespace/name
	Message string `json:"message"`
}

// Latency is the time the API server took to answer.
type Latency struct {
	P50 Span `json:"p50"`
	P95 Span `json:"p95"`
	P99 Span `json:"p99"`
}

// A Rollback is one way back, rehearsed on one cluster.
type Rollback struct {
	Way      string `json:"way"` // audit, delete, previous, exception, failOpen
	Cluster  string `json:"cluster"`
	Stage    string `json:"stage,omitempty"` // of the stage it undid; empty for a rehearsed one
	Took     Span   `json:"took"`            // from the decision to the first admitted request
	Probe    string `json:"probe"`           // Kind namespace/name of the request that was denied
	Requests int    `json:"requests"`        // still denied meanwhile
	Error    string `json:"error,omitempty"` // why it did not work
	Note     string `json:"note,omitempty"`  // what it costs: what is no longer enforced
}

// A Cell says how a policy is on a cluster.
type Cell struct {
	Policy  string `json:"policy"` // Kind name
	Cluster string `json:"cluster"`
	Mode    string `json:"mode"`    // Audit, Enforce; empty where a policy has none; absent where it is not installed
	Version string `json:"version"` // the first characters of its content's digest
	Ready   bool   `json:"ready"`
	// Of what came from a hub.
	Snapshot string `json:"snapshot,omitempty"` // the placement and the index of its resource snapshot: "policies 1"
	Stage    string `json:"stage,omitempty"`    // that brought it; empty: it was there before
	Stale    string `json:"stale,omitempty"`    // why it is not what the hub intends
}

// Fidelity compares every live answer with the replay's prediction for it.
type Fidelity struct {
	Compared  int       `json:"compared"` // answers for which there is a decided prediction
	Agreed    int       `json:"agreed"`
	Undecided int       `json:"undecided"`          // the replay could not know
	Unjudged  []Refusal `json:"unjudged,omitempty"` // no live answer, by reason
	Updates   int       `json:"updates,omitempty"`  // of what stands to itself: judged offline alone, once
	Misses    []Miss    `json:"misses,omitempty"`
}

// A Miss is a request whose live answer was another than the predicted one.
type Miss struct {
	Stage     string `json:"stage"`
	Cluster   string `json:"cluster"`
	Request   string `json:"request"` // CREATE Kind namespace/name
	Predicted string `json:"predicted"`
	Live      string `json:"live"`
	Why       string `json:"why,omitempty"` // the messages of both
}

// A Step is something that happened.
type Step struct {
	At      Span   `json:"at"` // since Started
	Took    Span   `json:"took"`
	Stage   string `json:"stage,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	What    string `json:"what"` // cluster ready, policy updated, traffic sent, gate passed …
	Error   string `json:"error,omitempty"`
}
