package placement

import "github.com/seatrial/seatrial/simulator/policy"

// A Hub is the state of a hub: objects as users write them.
type Hub struct {
	Source   string // as asked: a folder, a file, git:REV:path, a context
	Revision string // of a git source
	Digest   string // "sha256:…" over all objects
	// Objects are what placements may select: everything but KubeFleet's own kinds (of
	// which v0.3.1 takes the namespaced ones of staged updates),
	// and envelopes. By group, kind, namespace, name.
	Objects  []policy.Object
	Members  []*Member        // MemberClusters, by name
	Problems []policy.Problem // what an API server or KubeFleet would refuse, with the reason
	Warnings []Warning        // what is taken otherwise than written: pruned fields and the like

	release    Release
	kinds      kinds
	claims     map[ObjectRef]string // namespaces that cluster-scoped objects name in vain, by key
	placements []*placement
	overrides  []*override
	strategies []*strategy
	runs       []*run
	approvals  []*approval
	evictions  []*eviction
	budgets    []*budget
}

// source is where an object was written.
type source struct {
	file    string
	line    int
	version string // of the API in which it was written: v1, v1beta1, v1alpha1
}

type (
	placement struct {
		source
		kind string // ClusterResourcePlacement or ResourcePlacement
		meta
		spec        placementSpec
		policyGiven bool // spec.policy is written, and not the default
	}
	override struct {
		source
		kind string // ClusterResourceOverride or ResourceOverride
		meta
		spec overrideSpec
	}
	strategy struct {
		source
		kind string
		meta
		spec strategySpec
	}
	run struct {
		source
		kind string // ClusterStagedUpdateRun or StagedUpdateRun
		meta
		spec runSpec
	}
	approval struct {
		source
		kind string
		meta
		run, stage string
		approved   bool
	}
	eviction struct {
		source
		meta
		placement, cluster string
	}
	budget struct {
		source
		meta
		spec budgetSpec
	}
)

// A binding is a placement's claim on a cluster.
type binding struct {
	Cluster       string
	State         bindingState
	Previous      bindingState // before it was unscheduled
	PolicyIndex   int          // of the scheduling policy snapshot that made it
	AffinityScore int
	SpreadScore   int
	scored        bool
}

type bindingState string

const (
	scheduled   bindingState = "Scheduled"
	bound       bindingState = "Bound"
	unscheduled bindingState = "Unscheduled"
)
