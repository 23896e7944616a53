package placement

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The API groups of KubeFleet.
const (
	placementGroup = "placement.kubernetes-fleet.io"
	clusterGroup   = "cluster.kubernetes-fleet.io"
)

// PlacementType says how many clusters a placement wants.
type PlacementType string

// The placement types.
const (
	PickAll   PlacementType = "PickAll"
	PickN     PlacementType = "PickN"
	PickFixed PlacementType = "PickFixed"
)

// Strategies and other values that decide.
const (
	rollingUpdate = "RollingUpdate"
	external      = "External"

	namespaceWithResources         = "NamespaceWithResources"
	namespaceOnly                  = "NamespaceOnly"
	namespaceWithResourceSelectors = "NamespaceWithResourceSelectors"

	noSchedule     = "NoSchedule"
	doNotSchedule  = "DoNotSchedule"
	scheduleAnyway = "ScheduleAnyway"

	scopeNamespaced = "Namespaced"
	deleteOverride  = "Delete"

	stateInitialize = "Initialize"
	stateStop       = "Stop"

	taskApproval  = "Approval"
	taskTimedWait = "TimedWait"
)

type meta struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Generation  int64             `json:"generation"`
}

type placementObject struct {
	Metadata meta          `json:"metadata"`
	Spec     placementSpec `json:"spec"`
}

type placementSpec struct {
	ResourceSelectors    []resourceSelector `json:"resourceSelectors"`
	Policy               *schedulingPolicy  `json:"policy,omitempty"`
	Strategy             rolloutStrategy    `json:"strategy"`
	RevisionHistoryLimit *int               `json:"revisionHistoryLimit,omitempty"`
	StatusReportingScope string             `json:"statusReportingScope,omitempty"`
}

type resourceSelector struct {
	Group          string                `json:"group"`
	Version        string                `json:"version"`
	Kind           string                `json:"kind"`
	Name           string                `json:"name,omitempty"`
	LabelSelector  *metav1.LabelSelector `json:"labelSelector,omitempty"`
	SelectionScope string                `json:"selectionScope,omitempty"`
}

type schedulingPolicy struct {
	PlacementType             PlacementType      `json:"placementType,omitempty"`
	ClusterNames              []string           `json:"clusterNames,omitempty"`
	NumberOfClusters          *int               `json:"numberOfClusters,omitempty"`
	Affinity                  *affinity          `json:"affinity,omitempty"`
	TopologySpreadConstraints []spreadConstraint `json:"topologySpreadConstraints,omitempty"`
	Tolerations               []toleration       `json:"tolerations,omitempty"`
}

type affinity struct {
	ClusterAffinity *clusterAffinity `json:"clusterAffinity,omitempty"`
}

type clusterAffinity struct {
	Required  *clusterSelector `json:"requiredDuringSchedulingIgnoredDuringExecution,omitempty"`
	Preferred []preference     `json:"preferredDuringSchedulingIgnoredDuringExecution,omitempty"`
}

type clusterSelector struct {
	Terms []selectorTerm `json:"clusterSelectorTerms"`
}

type selectorTerm struct {
	LabelSelector    *metav1.LabelSelector `json:"labelSelector,omitempty"`
	PropertySelector *propertySelector     `json:"propertySelector,omitempty"`
	PropertySorter   *propertySorter       `json:"propertySorter,omitempty"`
}

type propertySelector struct {
	MatchExpressions []propertyExpression `json:"matchExpressions"`
}

type propertyExpression struct {
	Name     string   `json:"name"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

type propertySorter struct {
	Name      string `json:"name"`
	SortOrder string `json:"sortOrder"`
}

type preference struct {
	Weight     int          `json:"weight"`
	Preference selectorTerm `json:"preference"`
}

type spreadConstraint struct {
	MaxSkew           *int   `json:"maxSkew,omitempty"`
	TopologyKey       string `json:"topologyKey"`
	WhenUnsatisfiable string `json:"whenUnsatisfiable,omitempty"`
}

type toleration struct {
	Key      string `json:"key,omitempty"`
	Operator string `json:"operator,omitempty"`
	Value    string `json:"value,omitempty"`
	Effect   string `json:"effect,omitempty"`
}

type rolloutStrategy struct {
	Type           string          `json:"type,omitempty"`
	RollingUpdate  *rollingConfig  `json:"rollingUpdate,omitempty"`
	ApplyStrategy  *applyStrategy  `json:"applyStrategy,omitempty"`
	DeleteStrategy json.RawMessage `json:"deleteStrategy,omitempty"`
	ReportBack     json.RawMessage `json:"reportBackStrategy,omitempty"`
}

type rollingConfig struct {
	MaxUnavailable           *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	MaxSurge                 *intstr.IntOrString `json:"maxSurge,omitempty"`
	UnavailablePeriodSeconds *int                `json:"unavailablePeriodSeconds,omitempty"`
}

type applyStrategy struct {
	Type                  string          `json:"type,omitempty"`
	ComparisonOption      string          `json:"comparisonOption,omitempty"`
	WhenToApply           string          `json:"whenToApply,omitempty"`
	WhenToTakeOver        string          `json:"whenToTakeOver,omitempty"`
	AllowCoOwnership      bool            `json:"allowCoOwnership,omitempty"`
	ServerSideApplyConfig json.RawMessage `json:"serverSideApplyConfig,omitempty"`
}

type overrideObject struct {
	Metadata meta         `json:"metadata"`
	Spec     overrideSpec `json:"spec"`
}

type overrideSpec struct {
	Placement                *placementRef      `json:"placement,omitempty"`
	ClusterResourceSelectors []resourceSelector `json:"clusterResourceSelectors,omitempty"`
	ResourceSelectors        []resourceSelector `json:"resourceSelectors,omitempty"`
	Policy                   overridePolicy     `json:"policy"`
}

type placementRef struct {
	Name  string `json:"name"`
	Scope string `json:"scope,omitempty"`
}

type overridePolicy struct {
	OverrideRules []overrideRule `json:"overrideRules"`
}

type overrideRule struct {
	ClusterSelector    *clusterSelector `json:"clusterSelector,omitempty"`
	OverrideType       string           `json:"overrideType,omitempty"`
	JSONPatchOverrides []jsonPatch      `json:"jsonPatchOverrides,omitempty"`
}

type jsonPatch struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

type strategyObject struct {
	Metadata meta         `json:"metadata"`
	Spec     strategySpec `json:"spec"`
}

type strategySpec struct {
	Stages []stageSpec `json:"stages"`
}

type stageSpec struct {
	Name             string                `json:"name"`
	LabelSelector    *metav1.LabelSelector `json:"labelSelector,omitempty"`
	SortingLabelKey  *string               `json:"sortingLabelKey,omitempty"`
	MaxConcurrency   *intstr.IntOrString   `json:"maxConcurrency,omitempty"`
	BeforeStageTasks []stageTask           `json:"beforeStageTasks,omitempty"`
	AfterStageTasks  []stageTask           `json:"afterStageTasks,omitempty"`
}

type stageTask struct {
	Type     string `json:"type"`
	WaitTime string `json:"waitTime,omitempty"`
}

type runObject struct {
	Metadata meta    `json:"metadata"`
	Spec     runSpec `json:"spec"`
}

type runSpec struct {
	PlacementName         string `json:"placementName"`
	ResourceSnapshotIndex string `json:"resourceSnapshotIndex,omitempty"`
	StrategyName          string `json:"stagedRolloutStrategyName"`
	State                 string `json:"state,omitempty"`
}

type approvalObject struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		ParentStageRollout string `json:"parentStageRollout"`
		TargetStage        string `json:"targetStage"`
	} `json:"spec"`
	Status struct {
		Conditions []metav1.Condition `json:"conditions,omitempty"`
	} `json:"status"`
}

type evictionObject struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		PlacementName string `json:"placementName"`
		ClusterName   string `json:"clusterName"`
	} `json:"spec"`
}

type budgetObject struct {
	Metadata meta       `json:"metadata"`
	Spec     budgetSpec `json:"spec"`
}

type budgetSpec struct {
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	MinAvailable   *intstr.IntOrString `json:"minAvailable,omitempty"`
}

type envelopeObject struct {
	Metadata meta                       `json:"metadata"`
	Data     map[string]json.RawMessage `json:"data"`
}

type memberObject struct {
	Metadata struct {
		meta
		UID               string       `json:"uid,omitempty"` // of live objects
		DeletionTimestamp *metav1.Time `json:"deletionTimestamp,omitempty"`
	} `json:"metadata"`
	Spec struct {
		Identity               json.RawMessage `json:"identity"`
		HeartbeatPeriodSeconds int             `json:"heartbeatPeriodSeconds,omitempty"`
		Taints                 []Taint         `json:"taints,omitempty"`
		DeleteOptions          json.RawMessage `json:"deleteOptions,omitempty"`
	} `json:"spec"`
	Status *memberStatus `json:"status,omitempty"`
}

type memberStatus struct {
	Conditions    []metav1.Condition       `json:"conditions,omitempty"`
	Properties    map[string]propertyValue `json:"properties,omitempty"`
	ResourceUsage resourceUsage            `json:"resourceUsage,omitempty"`
	Namespaces    map[string]string        `json:"namespaces,omitempty"`
	AgentStatus   []agentStatus            `json:"agentStatus,omitempty"`
}

type propertyValue struct {
	Value           string       `json:"value"`
	ObservationTime *metav1.Time `json:"observationTime,omitempty"`
}

type resourceUsage struct {
	Capacity        map[string]string `json:"capacity,omitempty"`
	Allocatable     map[string]string `json:"allocatable,omitempty"`
	Available       map[string]string `json:"available,omitempty"`
	ObservationTime *metav1.Time      `json:"observationTime,omitempty"`
}

type agentStatus struct {
	Type                  string             `json:"type"`
	Conditions            []metav1.Condition `json:"conditions,omitempty"`
	LastReceivedHeartbeat *metav1.Time       `json:"lastReceivedHeartbeat,omitempty"`
}
