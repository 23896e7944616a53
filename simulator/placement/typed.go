package placement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/seatrial/seatrial/simulator/policy"
)

// typed puts an object of KubeFleet's, as it is stored, into the hub. The error says why
// KubeFleet refuses it.
func (r *reader) typed(o *policy.Object, stored json.RawMessage, version string) error {
	at := source{o.File, o.Line, version}
	if gk := groupKindOf(o); !r.hub.disabled(gk, version) && !strings.HasSuffix(gk.kind, "Envelope") {
		r.hub.Objects = append(r.hub.Objects, r.hub.read(o.With(stored), ""))
	}
	switch o.Kind {
	case "ClusterResourcePlacement", "ResourcePlacement":
		return r.placement(o, at, stored)
	case "ClusterResourceOverride", "ResourceOverride":
		return r.override(o, at, stored)
	case "ClusterStagedUpdateStrategy", "StagedUpdateStrategy":
		return r.strategy(o, at, stored)
	case "ClusterStagedUpdateRun", "StagedUpdateRun":
		return r.run(o, at, stored)
	case "ClusterApprovalRequest", "ApprovalRequest":
		return r.approval(o, at, stored)
	case "ClusterResourcePlacementEviction":
		return r.eviction(o, at, stored)
	case "ClusterResourcePlacementDisruptionBudget":
		return r.budget(o, at, stored)
	case "MemberCluster":
		return r.member(stored)
	}
	r.hub.Objects = append(r.hub.Objects, o.With(stored)) // envelopes
	return nil
}

func (r *reader) placement(o *policy.Object, at source, stored json.RawMessage) error {
	var read placementObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	p := &placement{source: at, kind: o.Kind, meta: named(read.Metadata, o), spec: read.Spec, policyGiven: read.Spec.Policy != nil}
	p.spec.setDefaults()
	if p.kind == "ClusterResourcePlacement" {
		v := validator{r.hub.release, r.hub.kinds}
		if err := v.placement(p); err != nil {
			return err
		}
	}
	r.hub.placements = append(r.hub.placements, p)
	r.later = append(r.later, func() { r.hub.Warnings = append(r.hub.Warnings, r.hub.selectorWarnings(p)...) })
	if p.spec.abandons() {
		r.warn(o, "not-implemented", "deleteStrategy.propagationPolicy Abandon is accepted, and no release of KubeFleet does it: deleting the placement removes the objects from its members", "")
	}
	if len(p.spec.Strategy.ReportBack) > 0 && strings.Contains(string(p.spec.Strategy.ReportBack), "Mirror") {
		r.warn(o, "not-implemented", "reportBackStrategy Mirror is accepted, and no release of KubeFleet does it", "")
	}
	return nil
}

// abandons tells whether a placement asks to leave its objects when it is deleted.
func (s *placementSpec) abandons() bool {
	return strings.Contains(string(s.Strategy.DeleteStrategy), "Abandon")
}

// named is the metadata with the name and namespace that the object has on a hub.
func named(m meta, o *policy.Object) meta {
	m.Name, m.Namespace = o.Name, o.Namespace
	return m
}

func (r *reader) override(o *policy.Object, at source, stored json.RawMessage) error {
	var read overrideObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	out := &override{source: at, kind: o.Kind, meta: named(read.Metadata, o), spec: read.Spec}
	v := validator{r.hub.release, r.hub.kinds}
	if err := v.override(out, r.hub.overrides); err != nil {
		return err
	}
	r.hub.overrides = append(r.hub.overrides, out)
	return nil
}

func (r *reader) strategy(o *policy.Object, at source, stored json.RawMessage) error {
	var read strategyObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	names := map[string]bool{}
	for i := range read.Spec.Stages {
		stage := &read.Spec.Stages[i]
		if names[stage.Name] {
			r.warn(o, "stage-named-twice", fmt.Sprintf("two stages are called %q: their approval requests have the same name", stage.Name), "give each stage a name of its own")
		}
		names[stage.Name] = true
		stage.MaxConcurrency = orDefault(stage.MaxConcurrency, intstr.FromInt32(1))
		if stage.LabelSelector == nil {
			r.warn(o, "stage-selects-nothing", fmt.Sprintf("stage %q has no labelSelector, which selects no cluster", stage.Name), "write labelSelector: {} to select all")
		} else if err := labelSelectorFault(stage.LabelSelector, "stage "+stage.Name); err != nil {
			r.warn(o, "stage-selector-invalid", "runs cannot be initialized: "+err.Error(), "")
		}
	}
	r.hub.strategies = append(r.hub.strategies, &strategy{source: at, kind: o.Kind, meta: named(read.Metadata, o), spec: read.Spec})
	return nil
}

func (r *reader) run(o *policy.Object, at source, stored json.RawMessage) error {
	var read runObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	if read.Spec.State == "" {
		read.Spec.State = stateInitialize
	}
	switch {
	case at.version == "v1alpha1":
		r.warn(o, "run-never-starts", "v1alpha1 of the API has no state: the run is stored as Initialize and never starts", "write it as "+placementGroup+"/v1 with state: Run")
	case read.Spec.State == stateInitialize:
		r.warn(o, "run-never-starts", "the run has the state Initialize: it is initialized and waits until the state is Run", "set spec.state: Run")
	}
	r.hub.runs = append(r.hub.runs, &run{source: at, kind: o.Kind, meta: named(read.Metadata, o), spec: read.Spec})
	return nil
}

func (r *reader) approval(o *policy.Object, at source, stored json.RawMessage) error {
	var read approvalObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	a := &approval{source: at, kind: o.Kind, meta: named(read.Metadata, o), run: read.Spec.ParentStageRollout, stage: read.Spec.TargetStage}
	generation := max(read.Metadata.Generation, 1) // in files there is none: the spec never changes
	for _, name := range []string{"Approved", "ApprovalAccepted"} {
		c := condition(read.Status.Conditions, name)
		switch {
		case c == nil || c.Status != metav1.ConditionTrue:
		case c.ObservedGeneration == generation:
			a.approved = true
		case name == "Approved":
			r.warn(o, "approval-unobserved", fmt.Sprintf("the condition Approved has observedGeneration %d (0: none), and the request is at generation %d: it does not count, and the run waits on", c.ObservedGeneration, generation),
				fmt.Sprintf("set observedGeneration: %d", generation))
		}
	}
	r.hub.approvals = append(r.hub.approvals, a)
	return nil
}

func (r *reader) eviction(o *policy.Object, at source, stored json.RawMessage) error {
	var read evictionObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	e := &eviction{source: at, meta: named(read.Metadata, o), placement: read.Spec.PlacementName, cluster: read.Spec.ClusterName}
	r.later = append(r.later, func() {
		if p := r.hub.clusterPlacement(e.placement); p != nil && p.placementType() == PickFixed {
			r.problem(o, fmt.Sprintf("cluster resource placement policy type %s is not supported", PickFixed))
			return
		}
		r.hub.evictions = append(r.hub.evictions, e)
	})
	return nil
}

func (r *reader) budget(o *policy.Object, at source, stored json.RawMessage) error {
	var read budgetObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	b := &budget{source: at, meta: named(read.Metadata, o), spec: read.Spec}
	r.later = append(r.later, func() {
		p := r.hub.clusterPlacement(b.Name)
		switch {
		case p == nil || p.placementType() != PickAll:
		case b.spec.MaxUnavailable != nil:
			r.problem(o, fmt.Sprintf("cluster resource placement policy type PickAll is not supported with any specified max unavailable %s", b.spec.MaxUnavailable))
			return
		case b.spec.MinAvailable != nil && b.spec.MinAvailable.Type == intstr.String:
			r.problem(o, fmt.Sprintf("cluster resource placement policy type PickAll is not supported with min available as a percentage %s", b.spec.MinAvailable))
			return
		}
		r.hub.budgets = append(r.hub.budgets, b)
	})
	return nil
}

func (r *reader) member(stored json.RawMessage) error {
	var read memberObject
	if err := json.Unmarshal(stored, &read); err != nil {
		return err
	}
	if err := taintFaults(read.Spec.Taints); err != nil {
		return err
	}
	r.hub.Members = append(r.hub.Members, newMember(&read))
	return nil
}

// clusterPlacement is the ClusterResourcePlacement of a name; nil when there is none.
func (h *Hub) clusterPlacement(name string) *placement {
	i := slices.IndexFunc(h.placements, func(p *placement) bool { return p.kind == "ClusterResourcePlacement" && p.Name == name })
	if i < 0 {
		return nil
	}
	return h.placements[i]
}

func (p *placement) placementType() PlacementType {
	if p.spec.Policy == nil || p.spec.Policy.PlacementType == "" {
		return PickAll
	}
	return p.spec.Policy.PlacementType
}
