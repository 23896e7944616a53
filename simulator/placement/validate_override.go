package placement

import (
	"errors"
	"fmt"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// mostOverrides is how many ClusterResourceOverrides a hub takes, and how many
// ResourceOverrides a namespace.
const mostOverrides = 100

// override checks an override against those that the hub holds already. The webhook
// compares selectors as they are stored.
func (v *validator) override(o *override, held []*override) error {
	var same []*override
	for _, h := range held {
		if h.kind == o.kind && h.Namespace == o.Namespace {
			same = append(same, h)
		}
	}
	if len(same) >= mostOverrides {
		if o.kind == "ClusterResourceOverride" {
			return errors.New("clusterResourceOverride limit has been reached: at most 100 cluster resources can be created.")
		}
		return errors.New("resourceOverride limit has been reached: at most 100 resources can be created.")
	}
	if faults := overrideSelectors(o); len(faults) > 0 {
		return utilerrors.NewAggregate(faults) // KubeFleet asks no further
	}
	out := overridden(o, same)
	if err := overridePolicyFault(o.spec.Policy); err != nil {
		out = append(out, err)
	}
	return utilerrors.NewAggregate(out)
}

func overrideSelectors(o *override) []error {
	var out []error
	known := map[string]bool{}
	for _, s := range o.selectors() {
		if o.kind == "ClusterResourceOverride" && s.LabelSelector != nil {
			out = append(out, fmt.Errorf("label selector is not supported for resource selection %+v", s))
			continue
		}
		if o.kind == "ClusterResourceOverride" && s.Name == "" {
			out = append(out, fmt.Errorf("resource name is required for resource selection %+v", s))
			continue
		}
		if known[o.print(s)] {
			out = append(out, fmt.Errorf("resource selector %s already exists, and must be unique", o.print(s)))
		}
		known[o.print(s)] = true
	}
	return out
}

// selectors are the objects that an override names, of either kind.
func (o *override) selectors() []resourceSelector {
	if o.kind == "ClusterResourceOverride" {
		return o.spec.ClusterResourceSelectors
	}
	return o.spec.ResourceSelectors
}

// print is a selector as KubeFleet prints it.
func (o *override) print(s resourceSelector) string {
	if o.kind == "ClusterResourceOverride" {
		return fmt.Sprintf("%+v", s)
	}
	return fmt.Sprintf("{Group:%s Version:%s Kind:%s Name:%s}", s.Group, s.Version, s.Kind, s.Name)
}

// overridden refuses selectors that another override has.
func overridden(o *override, others []*override) []error {
	owner := map[string]string{}
	for _, other := range others {
		for _, s := range other.selectors() {
			owner[other.print(s)] = other.Name
		}
	}
	var out []error
	for _, s := range o.selectors() {
		if other := owner[o.print(s)]; other != "" && other != o.Name {
			out = append(out, fmt.Errorf("invalid resource selector %s: the resource has been selected by both %s and %s, which is not supported", o.print(s), o.Name, other))
		}
	}
	return out
}

func overridePolicyFault(p overridePolicy) error {
	var out []error
	for _, rule := range p.OverrideRules {
		out = append(out, clusterSelectorFaults(rule.ClusterSelector)...)
		if rule.OverrideType == deleteOverride {
			if len(rule.JSONPatchOverrides) != 0 {
				return errors.New("invalid JSONPatchOverrides: JSONPatchOverrides cannot be set when the override type is Delete")
			}
			continue
		}
		if len(rule.JSONPatchOverrides) == 0 {
			out = append(out, errors.New("invalid JSONPatchOverrides: JSONPatchOverrides cannot be empty"))
		}
		for _, patch := range rule.JSONPatchOverrides {
			out = append(out, patchFaults(patch)...)
		}
	}
	return utilerrors.NewAggregate(out)
}

func clusterSelectorFaults(s *clusterSelector) []error {
	if s == nil {
		return nil
	}
	var out []error
	for _, term := range s.Terms {
		switch {
		case term.PropertySelector != nil || term.PropertySorter != nil:
			out = append(out, fmt.Errorf("invalid clusterSelector %s: only labelSelector is supported", term))
		case term.LabelSelector == nil:
			out = append(out, fmt.Errorf("invalid clusterSelector %s: labelSelector is required", term))
		default:
			if err := labelSelectorFault(term.LabelSelector, "cluster selector"); err != nil {
				out = append(out, err)
			}
		}
	}
	return out
}

// String names what the term asks for; KubeFleet prints addresses here.
func (t selectorTerm) String() string {
	var parts []string
	if t.LabelSelector != nil {
		parts = append(parts, "labelSelector")
	}
	if t.PropertySelector != nil {
		parts = append(parts, "propertySelector")
	}
	if t.PropertySorter != nil {
		parts = append(parts, "propertySorter")
	}
	return "{" + strings.Join(parts, " ") + "}"
}

func patchFaults(p jsonPatch) []error {
	var out []error
	name := fmt.Sprintf("{%s %s {%s}}", p.Op, p.Path, p.Value)
	if err := patchPathFault(p.Path); err != nil {
		out = append(out, fmt.Errorf("invalid JSONPatchOverride %s: %w", name, err))
	}
	if p.Op == "remove" && len(p.Value) != 0 {
		out = append(out, fmt.Errorf("invalid JSONPatchOverride %s: remove operation cannot have value", name))
	}
	return out
}

// patchPathFault says why a patch may not touch a path.
func patchPathFault(path string) error {
	if path == "" {
		return errors.New("path cannot be empty")
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return errors.New("path must start with /")
	}
	parts := strings.Split(rest, "/")
	switch parts[0] {
	case "kind", "apiVersion":
		return errors.New("cannot override typeMeta fields")
	case "metadata":
		if len(parts) == 1 {
			return errors.New("cannot override field metadata")
		}
		if parts[1] != "annotations" && parts[1] != "labels" {
			return errors.New("cannot override metadata fields except annotations and labels")
		}
	case "status":
		return errors.New("cannot override status fields")
	}
	for _, part := range parts {
		if strings.TrimSpace(part) == "" {
			return errors.New("path cannot contain empty string")
		}
	}
	return nil
}

// taintFaults says what is wrong with the taints of a member.
func taintFaults(taints []Taint) error {
	var out []error
	known := map[Taint]bool{}
	for _, t := range taints {
		out = append(out, taintFault(t)...)
		if known[t] {
			out = append(out, fmt.Errorf("taint %s already exists, taints must be unique", strings.TrimPrefix(t.String(), "&")))
		}
		known[t] = true
	}
	return utilerrors.NewAggregate(out)
}
