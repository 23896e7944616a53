package scenarios

import "time"

// A Scenario is a rehearsal as a file: which clusters, which policies, in what
// stages, with what traffic, decided by what gates, and which ways back are tried.
type Scenario struct {
	APIVersion string   `yaml:"apiVersion" json:"apiVersion"`
	Kind       string   `yaml:"kind" json:"kind"`
	Metadata   Metadata `yaml:"metadata" json:"metadata"`
	// Capture and the sets may be given here, relative to the file, or by flags, which win.
	Capture   string `yaml:"capture,omitempty" json:"capture,omitempty"`
	Baseline  string `yaml:"baseline,omitempty" json:"baseline,omitempty"`   // a policy set; default captured, or none
	Candidate string `yaml:"candidate,omitempty" json:"candidate,omitempty"` // the policies that are rolled out
	// Seed decides what is drawn at random: which records a sample takes. Default 1.
	Seed    uint64    `yaml:"seed,omitempty" json:"seed,omitempty"`
	Fleet   FleetSpec `yaml:"fleet,omitempty" json:"fleet,omitempty"`
	Traffic Traffic   `yaml:"traffic,omitempty" json:"traffic,omitempty"`
	// Stages are walked in order. A scenario has them, or a hub.
	Stages   []Stage  `yaml:"stages,omitempty" json:"stages,omitempty"`
	Hub      *Hub     `yaml:"hub,omitempty" json:"hub,omitempty"`
	Rollback Rollback `yaml:"rollback,omitempty" json:"rollback,omitempty"`
	// Faults go wrong during the rollout, in the order written where two happen at once.
	Faults []Fault `yaml:"faults,omitempty" json:"faults,omitempty"`
	// Expect is what must be true at the end, whatever the outcome.
	Expect []Expectation `yaml:"expect,omitempty" json:"expect,omitempty"`
}

// Metadata names a file's content.
type Metadata struct {
	Name        string `yaml:"name" json:"name"`
	Description string `yaml:"description,omitempty" json:"description,omitempty"`
}

// A Fleet is clusters as a file.
type Fleet struct {
	APIVersion string    `yaml:"apiVersion" json:"apiVersion"`
	Kind       string    `yaml:"kind" json:"kind"`
	Metadata   Metadata  `yaml:"metadata,omitempty" json:"metadata,omitempty"`
	Spec       FleetSpec `yaml:"spec" json:"spec"`
}

// A FleetSpec says which clusters there are. Without Clusters they are the
// capture's, or Count of them.
type FleetSpec struct {
	// Count is how many clusters; with a capture, its clusters are taken in turn.
	Count int `yaml:"count,omitempty" json:"count,omitempty"`
	// Components run on every cluster that names none itself: kyverno,
	// kube-controller-manager, kube-scheduler, kwok, kyverno-background-controller,
	// kyverno-reports-controller, kyverno-cleanup-controller. Default kyverno.
	Components        []string `yaml:"components,omitempty" json:"components,omitempty"`
	KubernetesVersion string   `yaml:"kubernetesVersion,omitempty" json:"kubernetesVersion,omitempty"`
	// Nodes is how many nodes kwok plays on every cluster that does not say so itself; it
	// needs the component kwok. Default 3.
	Nodes int `yaml:"nodes,omitempty" json:"nodes,omitempty"`
	// Provider makes every cluster that names none itself: embedded (default), kind, existing.
	Provider string `yaml:"provider,omitempty" json:"provider,omitempty"`
	Kind     *Kind  `yaml:"kind,omitempty" json:"kind,omitempty"` // of kind clusters that say nothing themselves
	// AllowExisting lets clusters be rehearsed on that were there before.
	AllowExisting bool      `yaml:"allowExisting,omitempty" json:"allowExisting,omitempty"`
	Clusters      []Cluster `yaml:"clusters,omitempty" json:"clusters,omitempty"`
}

// A Cluster is a member of a fleet.
type Cluster struct {
	Name   string            `yaml:"name" json:"name"`
	Labels map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
	// World names the cluster of the capture whose world and traffic this one
	// gets; default the one of the same name.
	World             string `yaml:"world,omitempty" json:"world,omitempty"`
	KubernetesVersion string `yaml:"kubernetesVersion,omitempty" json:"kubernetesVersion,omitempty"`
	// Nodes is how many nodes kwok plays here.
	Nodes      int      `yaml:"nodes,omitempty" json:"nodes,omitempty"`
	Components []string `yaml:"components,omitempty" json:"components,omitempty"`
	Provider   string   `yaml:"provider,omitempty" json:"provider,omitempty"`
	Kind       *Kind    `yaml:"kind,omitempty" json:"kind,omitempty"` // instead of the fleet's
	// Context is the kubeconfig's context of a cluster that exists already. Default its name.
	Context string `yaml:"context,omitempty" json:"context,omitempty"`
}

// Traffic says which of the capture's requests are sent, and how.
type Traffic struct {
	// Real sends requests that change the cluster; default is a dry run.
	Real bool `yaml:"real,omitempty" json:"real,omitempty"`
	// Requests is at most how many records are sent to a cluster in a stage, drawn
	// by the seed and sent in order; 0 is all.
	Requests int `yaml:"requests,omitempty" json:"requests,omitempty"`
	// Rate is at most how many requests a second each cluster gets; 0 is no limit.
	Rate float64 `yaml:"rate,omitempty" json:"rate,omitempty"`
	// Compress divides the time between captured requests: 60 sends an hour in a
	// minute. 0 sends without waiting. The order is kept.
	Compress float64 `yaml:"compress,omitempty" json:"compress,omitempty"`
	// Concurrency is how many requests a cluster has in flight. Default 4 for dry
	// runs; requests for one object are never reordered. Real traffic is sent one by one.
	Concurrency int `yaml:"concurrency,omitempty" json:"concurrency,omitempty"`
}

// A Stage gives some clusters some policies in some mode, and decides what follows.
type Stage struct {
	Name string `yaml:"name" json:"name"`
	// Clusters the stage changes; the others keep what they have.
	Clusters Selector `yaml:"clusters,omitempty" json:"clusters,omitempty"`
	// Mode is Audit, Enforce, AsWritten, Removed (the candidate's policies are
	// deleted) or Baseline (what was there before the rollout). Default AsWritten.
	Mode string `yaml:"mode,omitempty" json:"mode,omitempty"`
	// Namespaces limits the policies to these, for a first careful step.
	Namespaces []string `yaml:"namespaces,omitempty" json:"namespaces,omitempty"`
	// FirstNamespaces limits them to so many namespaces of each cluster, the first by
	// name that have workloads and are no system's: for scenarios that know no names.
	FirstNamespaces int `yaml:"firstNamespaces,omitempty" json:"firstNamespaces,omitempty"`
	// Policies names those of the candidate that the stage changes; default all
	// that differ from the baseline.
	Policies []string `yaml:"policies,omitempty" json:"policies,omitempty"`
	// Candidate is another set for this stage and those after it: an update in place.
	Candidate string     `yaml:"candidate,omitempty" json:"candidate,omitempty"`
	Overrides []Override `yaml:"overrides,omitempty" json:"overrides,omitempty"`
	// Exceptions is a set of PolicyExceptions added with the stage: the platform's,
	// for every cluster of it.
	Exceptions string `yaml:"exceptions,omitempty" json:"exceptions,omitempty"`
	// Soak is how long the policies are in force before the gate decides.
	Soak    Duration `yaml:"soak,omitempty" json:"soak,omitempty"`
	Traffic *Traffic `yaml:"traffic,omitempty" json:"traffic,omitempty"` // instead of the scenario's
	// Actions are done to workloads, in order, after the traffic and before the soak ends.
	Actions []Action `yaml:"actions,omitempty" json:"actions,omitempty"`
	Gate    Gate     `yaml:"gate,omitempty" json:"gate,omitempty"`
}

// An Override changes what some of a stage's clusters get.
type Override struct {
	Clusters   Selector `yaml:"clusters,omitempty" json:"clusters,omitempty"`
	Mode       string   `yaml:"mode,omitempty" json:"mode,omitempty"`
	Exceptions string   `yaml:"exceptions,omitempty" json:"exceptions,omitempty"` // a member's own
}

// A Selector picks clusters: all of them when it is empty.
type Selector struct {
	Names       []string          `yaml:"names,omitempty" json:"names,omitempty"`
	MatchLabels map[string]string `yaml:"matchLabels,omitempty" json:"matchLabels,omitempty"`
	// First takes only so many of those picked, in fleet order; 0 takes all.
	First int `yaml:"first,omitempty" json:"first,omitempty"`
}

// A Gate decides after a stage. Every condition that is set must hold; one that
// cannot be measured does not.
type Gate struct {
	// Denied is at most how many requests may be denied that were admitted before
	// the rollout, over the stage's clusters.
	Denied *int `yaml:"denied,omitempty" json:"denied,omitempty"`
	// Changed is at most how many requests may be decided otherwise than before the
	// rollout: denied instead of admitted, or the reverse.
	Changed *int `yaml:"changed,omitempty" json:"changed,omitempty"`
	// AuditFailures is at most how many results "fail" the clusters' PolicyReports
	// may have for the stage's policies. It needs kyverno-reports-controller.
	AuditFailures *int `yaml:"auditFailures,omitempty" json:"auditFailures,omitempty"`
	// PredictedDenied is at most how many requests the offline replay would newly deny under
	// the modes that the next stage would set: as in the report, an object that stands also
	// where its update to itself would be, once. PredictedFailing counts audit failures.
	PredictedDenied  *int `yaml:"predictedDenied,omitempty" json:"predictedDenied,omitempty"`
	PredictedFailing *int `yaml:"predictedFailing,omitempty" json:"predictedFailing,omitempty"`
	// WebhookErrors is at most how many requests may fail because a webhook did. Default 0.
	WebhookErrors *int `yaml:"webhookErrors,omitempty" json:"webhookErrors,omitempty"`
	// LatencyP99 is the longest that 99 of 100 requests may take.
	LatencyP99 Duration `yaml:"latencyP99,omitempty" json:"latencyP99,omitempty"`
	// Ready is how long a policy may take until its cluster reports it ready. Default 30s.
	Ready Duration `yaml:"ready,omitempty" json:"ready,omitempty"`
	// Misses is at most how many live answers may differ from the prediction.
	Misses *int `yaml:"misses,omitempty" json:"misses,omitempty"`
	// StuckWorkloads is at most how many of the workloads that the stage's actions touched may lack
	// pods when the soak is over.
	StuckWorkloads *int `yaml:"stuckWorkloads,omitempty" json:"stuckWorkloads,omitempty"`
	// Approve asks a person after everything else has passed.
	Approve bool `yaml:"approve,omitempty" json:"approve,omitempty"`
	// Otherwise is what happens when a condition does not hold: hold (default)
	// stops the rollout where it is, rollback undoes the stage on its clusters.
	Otherwise string `yaml:"otherwise,omitempty" json:"otherwise,omitempty"`
}

// Rollback says which ways back are rehearsed after the last stage that was reached.
type Rollback struct {
	// Ways are audit, delete, previous, exception and failOpen, tried in this order.
	Ways     []string `yaml:"ways,omitempty" json:"ways,omitempty"`
	Clusters Selector `yaml:"clusters,omitempty" json:"clusters,omitempty"`
}

// The values of the fields.
const (
	Audit     = "Audit"
	Enforce   = "Enforce"
	AsWritten = "AsWritten"
	Removed   = "Removed"
	Baseline  = "Baseline"

	Hold     = "hold"
	RollBack = "rollback"
)

// Ways are the ways back, in the order of the playbook.
var Ways = []string{"audit", "delete", "previous", "exception", "failOpen"}

// Duration is a length of time, written as 30s or 2m.
type Duration time.Duration
