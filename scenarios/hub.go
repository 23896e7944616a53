package scenarios

import "strings"

// A Hub is where the policies of a rehearsal come from: hub objects as KubeFleet reads
// them, which say what each member gets and in which order. The stages are the plan's.
type Hub struct {
	// Objects are the hub's objects with the change that is rehearsed: a folder, a file or
	// git:REVISION:PATH, or a live hub as context:NAME, which is only read. --hub wins.
	Objects string `yaml:"objects,omitempty" json:"objects,omitempty"`
	// From is the hub's state that the members run today; default nothing was placed yet.
	// --hub-from wins.
	From string `yaml:"from,omitempty" json:"from,omitempty"`
	// KubeFleet is the release whose behaviour the plan follows: v0.3.1 (default) or main.
	KubeFleet string `yaml:"kubefleet,omitempty" json:"kubefleet,omitempty"`
	// Driver carries the policies: builtin (default) applies the plan itself, kubefleet
	// runs the agents.
	Driver string `yaml:"driver,omitempty" json:"driver,omitempty"`
	Agents Agents `yaml:"agents,omitempty" json:"agents,omitempty"`
	// Compress divides the waits of the plan: 60 makes a minute of an hour. 0 does not wait.
	Compress float64 `yaml:"compress,omitempty" json:"compress,omitempty"`
	// Patience is how long a stage may take to reach its clusters. Default 30s.
	Patience Duration `yaml:"patience,omitempty" json:"patience,omitempty"`
	// Soak is how long the policies of a stage are in force before its gate decides.
	Soak Duration `yaml:"soak,omitempty" json:"soak,omitempty"`
	// Gate is that of every stage which Gates does not name.
	Gate Gate `yaml:"gate,omitempty" json:"gate,omitempty"`
	// Gates are by the stage's name in its strategy, or in the plan.
	Gates map[string]Gate `yaml:"gates,omitempty" json:"gates,omitempty"`
	// Back is how a gate's rollback is made: index (default) is a new run of the resource
	// snapshot before, revert gives the hub its state From again.
	Back string `yaml:"back,omitempty" json:"back,omitempty"`
}

// Agents are KubeFleet's, which seatrial does not bring: programs that run beside embedded
// clusters, or manifests of pods on kind clusters.
type Agents struct {
	HubAgent    string `yaml:"hubAgent,omitempty" json:"hubAgent,omitempty"`       // path of the program
	MemberAgent string `yaml:"memberAgent,omitempty" json:"memberAgent,omitempty"` // path of the program
	CRDs        string `yaml:"crds,omitempty" json:"crds,omitempty"`               // folder of KubeFleet's definitions: config/crd/bases
	// HubManifest is a file to install the hub agent from in pods: the chart hub-agent, rendered.
	HubManifest string `yaml:"hubManifest,omitempty" json:"hubManifest,omitempty"`
	// MemberManifest is a file to install the member agents from in pods: the chart member-agent, rendered.
	MemberManifest string `yaml:"memberManifest,omitempty" json:"memberManifest,omitempty"`
	// Images are archives, as docker save writes them, of the images of the manifests.
	Images []string `yaml:"images,omitempty" json:"images,omitempty"`
}

func (a *Agents) inPods() bool { return a.HubManifest != "" || a.MemberManifest != "" }

func (a *Agents) given() bool {
	return a.inPods() || countSet(a.HubAgent, a.MemberAgent, a.CRDs) > 0 || len(a.Images) > 0
}

// A Fault is something that goes wrong during the rollout, in one of three ways: Stop,
// Event or Apply.
type Fault struct {
	// Before and After name the stage before which, or after whose gate, it happens;
	// one of the two, unless an Event says its time.
	Before string `yaml:"before,omitempty" json:"before,omitempty"`
	After  string `yaml:"after,omitempty" json:"after,omitempty"`
	// Stop is what stops: memberAPI, memberAgent, hub or kyverno.
	Stop string `yaml:"stop,omitempty" json:"stop,omitempty"`
	// Clusters are where it stops; not for hub.
	Clusters Selector `yaml:"clusters,omitempty" json:"clusters,omitempty"`
	// Draw takes only so many of those clusters, drawn by the seed; 0 takes all.
	Draw int `yaml:"draw,omitempty" json:"draw,omitempty"`
	// For is how long it stops, Until the stage after which it runs again; without either it
	// is stopped to the end.
	For   Duration `yaml:"for,omitempty" json:"for,omitempty"`
	Until string   `yaml:"until,omitempty" json:"until,omitempty"`
	// Event happens to the fleet, in the words of seatrial plan --event: "staging leaves",
	// "staging label env=dev", "stop run-1"; with a time since the change of the hub, in the
	// middle of what is under way then: "staging leaves @30m".
	Event string `yaml:"event,omitempty" json:"event,omitempty"`
	// Apply adds hub objects from a file or folder: an override whose patch fails on one
	// cluster, a run that pre-empts the other.
	Apply string `yaml:"apply,omitempty" json:"apply,omitempty"`
}

// Timed says whether the fault is an event that says when it happens.
func (f *Fault) Timed() bool {
	words := strings.Fields(f.Event)
	return len(words) > 0 && strings.HasPrefix(words[len(words)-1], "@")
}

// An Expectation is one thing that must be true at the end. It is looked up on the
// clusters; one that does not hold fails the rehearsal.
type Expectation struct {
	// Clusters are the members that it is about.
	Clusters Selector `yaml:"clusters,omitempty" json:"clusters,omitempty"`
	// Policy is the name of a policy that each of them holds in Mode, in the version that
	// the plan gives it in a stage (before: what it had before the rollout), or not at all.
	Policy  string `yaml:"policy,omitempty" json:"policy,omitempty"`
	Mode    string `yaml:"mode,omitempty" json:"mode,omitempty"` // Audit, Enforce or Warn
	Version string `yaml:"version,omitempty" json:"version,omitempty"`
	Absent  bool   `yaml:"absent,omitempty" json:"absent,omitempty"`
	// Denied is how many requests are denied at the end that were not before the rollout,
	// over the clusters.
	Denied *int `yaml:"denied,omitempty" json:"denied,omitempty"`
	// Run is a staged update run, State how it stands: succeeded, failed, waiting,
	// stopped or running.
	Run   string `yaml:"run,omitempty" json:"run,omitempty"`
	State string `yaml:"state,omitempty" json:"state,omitempty"`
	// Outcome is the rehearsal's: passed, held or rolled back. One that is expected does
	// not fail it.
	Outcome string `yaml:"outcome,omitempty" json:"outcome,omitempty"`
}

// The values of the fields.
const (
	Builtin   = "builtin"
	KubeFleet = "kubefleet"

	ByIndex  = "index"
	ByRevert = "revert"

	StopMemberAPI   = "memberAPI"
	StopMemberAgent = "memberAgent"
	StopHub         = "hub"
	StopKyverno     = "kyverno"

	BeforeRollout = "before" // as a Version
)

// Stops are what a fault may stop.
var Stops = []string{StopMemberAPI, StopMemberAgent, StopHub, StopKyverno}

// RunStates are how a staged update run may stand.
var RunStates = []string{"succeeded", "failed", "waiting", "stopped", "running"}

// GateOf is the gate of a stage, which goes by its name in the plan and, in a staged run,
// by that in its strategy.
func (h *Hub) GateOf(names ...string) Gate {
	for _, n := range names {
		if g, ok := h.Gates[n]; ok {
			return g
		}
	}
	return h.Gate
}
