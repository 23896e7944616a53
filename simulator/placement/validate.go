package placement

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

// validator asks what KubeFleet's webhooks ask of an object that passed the schema. The
// texts are KubeFleet's. Its releases have a webhook for ClusterResourcePlacements, none
// for ResourcePlacements.
type validator struct {
	release Release
	kinds   kinds
}

const longestName = 63 // of a DNS label

func (v *validator) placement(p *placement) error {
	var out []error
	if len(p.Name) > longestName {
		out = append(out, fmt.Errorf("the name field cannot have length exceeding %d", longestName))
	}
	for _, s := range p.spec.ResourceSelectors {
		faults, known := v.resourceSelector(p, s)
		out = append(out, faults...)
		if !known {
			return utilerrors.NewAggregate(out) // KubeFleet asks no further
		}
	}
	if p.spec.Policy != nil {
		if err := v.policy(p.spec.Policy); err != nil {
			out = append(out, fmt.Errorf("the placement policy field is invalid: %w", err))
		}
	}
	if err := validateStrategy(p.spec.Strategy); err != nil {
		out = append(out, fmt.Errorf("the rollout Strategy field  is invalid: %w", err))
	}
	return utilerrors.NewAggregate(out)
}

func (v *validator) policy(p *schedulingPolicy) error {
	switch p.PlacementType {
	case PickFixed:
		return v.pickFixed(p)
	case PickAll:
		return v.pickAll(p)
	case PickN:
		return v.pickN(p)
	}
	return nil
}

func (v *validator) pickFixed(p *schedulingPolicy) error {
	var out []error
	if len(p.ClusterNames) == 0 && v.release == V031 {
		out = append(out, fmt.Errorf("cluster names cannot be empty for policy type %s", PickFixed))
	}
	unique := map[string]bool{}
	for _, name := range p.ClusterNames {
		if wrong := validation.IsDNS1123Subdomain(name); wrong != nil {
			out = append(out, fmt.Errorf("PickFixed cluster name %s is not a valid member name: %s", name, strings.Join(wrong, "; ")))
		}
		if len(name) > longestName {
			out = append(out, fmt.Errorf("PickFixed cluster name %s cannot have length exceeding %d", name, longestName))
		}
		if unique[name] {
			out = append(out, fmt.Errorf("cluster names must be unique for policy type %s", PickFixed))
			break
		}
		unique[name] = true
	}
	if p.NumberOfClusters != nil {
		out = append(out, fmt.Errorf("number of clusters must be nil for policy type %s, only valid for PickN placement policy type", PickFixed))
	}
	if p.Affinity != nil {
		out = append(out, fmt.Errorf("affinity must be nil for policy type %s, only valid for PickAll/PickN placement policy types", PickFixed))
	}
	if len(p.TopologySpreadConstraints) > 0 {
		out = append(out, fmt.Errorf("topology spread constraints needs to be empty for policy type %s, only valid for PickN policy type", PickFixed))
	}
	if p.Tolerations != nil {
		out = append(out, fmt.Errorf("tolerations needs to be empty for policy type %s, only valid for PickAll/PickN", PickFixed))
	}
	return utilerrors.NewAggregate(out)
}

func (v *validator) pickAll(p *schedulingPolicy) error {
	var out []error
	if len(p.ClusterNames) > 0 {
		out = append(out, fmt.Errorf("cluster names needs to be empty for policy type %s, only valid for PickFixed policy type", PickAll))
	}
	if p.NumberOfClusters != nil {
		out = append(out, fmt.Errorf("number of clusters must be nil for policy type %s, only valid for PickN placement policy type", PickAll))
	}
	if a := p.clusterAffinity(); a != nil {
		out = append(out, v.required(a)...)
		if len(a.Preferred) > 0 {
			out = append(out, fmt.Errorf("PreferredDuringSchedulingIgnoredDuringExecution will be ignored for placement policy type %s", PickAll))
		}
	}
	if len(p.TopologySpreadConstraints) > 0 {
		out = append(out, fmt.Errorf("topology spread constraints needs to be empty for policy type %s, only valid for PickN policy type", PickAll))
	}
	return utilerrors.NewAggregate(append(out, tolerationFaults(p.Tolerations)...))
}

func (v *validator) pickN(p *schedulingPolicy) error {
	var out []error
	if len(p.ClusterNames) > 0 {
		out = append(out, fmt.Errorf("cluster names needs to be empty for policy type %s, only valid for PickFixed policy type", PickN))
	}
	if p.NumberOfClusters == nil {
		out = append(out, fmt.Errorf("number of cluster cannot be nil for policy type %s", PickN))
	}
	if a := p.clusterAffinity(); a != nil {
		out = append(out, v.required(a)...)
		out = append(out, v.preferred(a)...)
	}
	for _, c := range p.TopologySpreadConstraints {
		if c.WhenUnsatisfiable != "" && c.WhenUnsatisfiable != doNotSchedule && c.WhenUnsatisfiable != scheduleAnyway {
			out = append(out, fmt.Errorf("unknown unsatisfiable type %s", c.WhenUnsatisfiable))
		}
	}
	return utilerrors.NewAggregate(append(out, tolerationFaults(p.Tolerations)...))
}

// clusterAffinity is the affinity of a policy; nil when it has none.
func (p *schedulingPolicy) clusterAffinity() *clusterAffinity {
	if p == nil || p.Affinity == nil {
		return nil
	}
	return p.Affinity.ClusterAffinity
}

func tolerationFaults(tolerations []toleration) []error {
	var out []error
	known := map[toleration]bool{}
	for _, t := range tolerations {
		if t.Key != "" {
			for _, wrong := range validation.IsQualifiedName(t.Key) {
				out = append(out, fmt.Errorf("invalid toleration key %+v: %s", t, wrong))
			}
		}
		switch t.Operator {
		case "Exists":
			if t.Value != "" {
				out = append(out, fmt.Errorf("invalid toleration %+v: toleration value needs to be empty, when operator is Exists", t))
			}
		case "Equal":
			if t.Key == "" {
				out = append(out, fmt.Errorf("invalid toleration %+v: toleration key cannot be empty, when operator is Equal", t))
			}
			for _, wrong := range validation.IsValidLabelValue(t.Value) {
				out = append(out, fmt.Errorf("invalid toleration value %+v: %s", t, wrong))
			}
		}
		if known[t] {
			out = append(out, fmt.Errorf("toleration %+v already exists, tolerations must be unique", t))
		}
		known[t] = true
	}
	return out
}

func validateStrategy(s rolloutStrategy) error {
	var out []error
	if r := s.RollingUpdate; r != nil {
		if s.Type == external {
			out = append(out, fmt.Errorf("rollingUpdateConifg is not valid for ExternalRollout strategy type"))
		}
		if r.UnavailablePeriodSeconds != nil && *r.UnavailablePeriodSeconds < 0 {
			out = append(out, fmt.Errorf("unavailablePeriodSeconds must be greater than or equal to 0, got %d", *r.UnavailablePeriodSeconds))
		}
		out = append(out, share("maxUnavailable", r.MaxUnavailable)...)
		out = append(out, share("maxSurge", r.MaxSurge)...)
	}
	if a := s.ApplyStrategy; a != nil && a.Type != "ServerSideApply" && a.ServerSideApplyConfig != nil {
		out = append(out, fmt.Errorf("serverSideApplyConfig is only valid for ServerSideApply strategy type"))
	}
	return utilerrors.NewAggregate(out)
}

func share(name string, value *intstr.IntOrString) []error {
	if value == nil {
		return nil
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, 10, true)
	switch {
	case err != nil:
		return []error{fmt.Errorf("%s `%+v` is invalid: %w", name, value, err)}
	case n < 0:
		return []error{fmt.Errorf("%s must be greater than or equal to 0, got `%+v`", name, value)}
	}
	return nil
}

func labelSelectorFault(selector *metav1.LabelSelector, parent string) error {
	if _, err := metav1.LabelSelectorAsSelector(selector); err != nil {
		return fmt.Errorf("the labelSelector in %s %+v is invalid: %w", parent, selector, err)
	}
	return nil
}
