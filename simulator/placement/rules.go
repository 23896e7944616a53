package placement

import (
	"fmt"
	"regexp"

	"github.com/seatrial/seatrial/simulator/policy"
)

// rules are the checks that KubeFleet's definitions add to the schema, on an object as it
// is stored. Those that compare with an object before are in changes.go.
func rules(o *policy.Object, version string, object map[string]any, release Release) []error {
	spec := mapping(object, "spec")
	switch o.Kind {
	case "ClusterResourcePlacement", "ResourcePlacement":
		return placementRules(o.Kind, version, spec, release)
	case "ClusterResourceOverride":
		if text(mapping(spec, "placement"), "scope") == scopeNamespaced {
			return faults("clusterResourceOverride placement reference cannot be Namespaced scope")
		}
	case "ClusterStagedUpdateStrategy", "StagedUpdateStrategy":
		return strategyRules(version, spec)
	case "ClusterStagedUpdateRun", "StagedUpdateRun":
		longest := 63
		if version == "v1alpha1" {
			longest = 127
		}
		if len(o.Name) > longest {
			return faults(fmt.Sprintf("metadata.name max length is %d", longest))
		}
	case "MemberCluster":
		if len(o.Name) > 63 {
			return faults("metadata.name max length is 63")
		}
	case "ClusterResourcePlacementDisruptionBudget":
		return budgetRules(spec)
	}
	return nil
}

func placementRules(kind, version string, spec map[string]any, release Release) []error {
	var out []error
	selectors := mappings(spec, "resourceSelectors")
	if kind == "ClusterResourcePlacement" && text(spec, "statusReportingScope") == "NamespaceAccessible" && countKind(selectors, "Namespace") != 1 {
		out = append(out, fmt.Errorf("spec: when statusReportingScope is NamespaceAccessible, exactly one resourceSelector with kind 'Namespace' is required"))
	}
	if release == Main || version != "v1" {
		out = append(out, scopeRules(selectors)...)
	}
	report := mapping(mapping(spec, "strategy"), "reportBackStrategy")
	if text(report, "type") == "Mirror" && text(report, "destination") == "" {
		out = append(out, fmt.Errorf("spec.strategy.reportBackStrategy: when reportBackStrategy.type is 'Mirror', a destination must be specified"))
	}
	if release == Main {
		out = append(out, placementRulesOfMain(spec, selectors)...)
	}
	return out
}

// scopeRules are those of the scope NamespaceWithResourceSelectors.
func scopeRules(selectors []map[string]any) []error {
	namespaces, withSelectors, byName := 0, 0, 0
	for _, s := range selectors {
		if text(s, "group") != "" || text(s, "version") != "v1" || text(s, "kind") != "Namespace" {
			continue
		}
		namespaces++
		if text(s, "selectionScope") != namespaceWithResourceSelectors {
			continue
		}
		withSelectors++
		if text(s, "name") != "" && !has(s, "labelSelector") {
			byName++
		}
	}
	switch {
	case withSelectors == 0:
		return nil
	case withSelectors > 1:
		return faults("spec: only one namespace selector with NamespaceWithResourceSelectors mode is allowed")
	case byName != 1:
		return faults("spec: namespace selector with NamespaceWithResourceSelectors mode must select by name (not by label)")
	case namespaces != 1:
		return faults("spec: when using NamespaceWithResourceSelectors mode, only one namespace selector is allowed (cannot mix with other namespace selectors)")
	}
	return nil
}

func placementRulesOfMain(spec map[string]any, selectors []map[string]any) []error {
	var out []error
	for _, s := range selectors {
		if text(s, "name") != "" && has(s, "labelSelector") {
			out = append(out, fmt.Errorf("spec.resourceSelectors: name and labelSelector are mutually exclusive in a resource selector"))
			break
		}
	}
	p := mapping(spec, "policy")
	switch PlacementType(text(p, "placementType")) {
	case PickFixed:
		if has(p, "affinity") || has(p, "numberOfClusters") || has(p, "topologySpreadConstraints") || has(p, "tolerations") {
			out = append(out, fmt.Errorf("spec.policy: affinity, numberOfClusters, topologySpreadConstraints, and tolerations cannot be set when placementType is PickFixed"))
		}
	case PickAll:
		if has(p, "clusterNames") || has(p, "numberOfClusters") || has(p, "topologySpreadConstraints") {
			out = append(out, fmt.Errorf("spec.policy: clusterNames, numberOfClusters, and topologySpreadConstraints cannot be set when placementType is PickAll"))
		}
	case PickN:
		if has(p, "clusterNames") || !has(p, "numberOfClusters") {
			out = append(out, fmt.Errorf("spec.policy: clusterNames cannot be set and numberOfClusters must be set when placementType is PickN"))
		}
	}
	for _, t := range mappings(p, "tolerations") {
		if text(t, "operator") == "Exists" && text(t, "value") != "" {
			out = append(out, fmt.Errorf("spec.policy.tolerations: value must be empty when operator is Exists"))
		}
		if text(t, "operator") != "Exists" && text(t, "key") == "" {
			out = append(out, fmt.Errorf("spec.policy.tolerations: operator must be Exists when key is empty"))
		}
	}
	return out
}

func strategyRules(version string, spec map[string]any) []error {
	if version == "v1alpha1" {
		return nil
	}
	var out []error
	for i, stage := range mappings(spec, "stages") {
		if n, ok := stage["maxConcurrency"].(float64); ok && n < 1 {
			out = append(out, fmt.Errorf("spec.stages[%d].maxConcurrency: maxConcurrency must be at least 1", i))
		}
		for _, task := range mappings(stage, "beforeStageTasks") {
			if text(task, "type") == taskApproval && has(task, "waitTime") {
				out = append(out, fmt.Errorf("spec.stages[%d].beforeStageTasks: AfterStageTaskType is Approval, waitTime is not allowed", i))
			}
			if text(task, "type") == taskTimedWait {
				out = append(out, fmt.Errorf("spec.stages[%d].beforeStageTasks: BeforeStageTaskType cannot be TimedWait", i))
			}
		}
		for _, task := range mappings(stage, "afterStageTasks") {
			if text(task, "type") == taskApproval && has(task, "waitTime") {
				out = append(out, fmt.Errorf("spec.stages[%d].afterStageTasks: AfterStageTaskType is Approval, waitTime is not allowed", i))
			}
			if text(task, "type") == taskTimedWait && !has(task, "waitTime") {
				out = append(out, fmt.Errorf("spec.stages[%d].afterStageTasks: AfterStageTaskType is TimedWait, waitTime is required", i))
			}
		}
	}
	return out
}

var percentage = regexp.MustCompile(`^(100|[0-9]{1,2})%$`)

func budgetRules(spec map[string]any) []error {
	var out []error
	if has(spec, "maxUnavailable") && has(spec, "minAvailable") {
		out = append(out, fmt.Errorf("spec: Both MaxUnavailable and MinAvailable cannot be specified"))
	}
	for _, name := range []string{"maxUnavailable", "minAvailable"} {
		share, isText := spec[name].(string)
		number, isNumber := spec[name].(float64)
		if isText && !percentage.MatchString(share) || isNumber && number < 0 {
			out = append(out, fmt.Errorf("spec.%s: If supplied value is String should match regex '%s' or If supplied value is Integer must be greater than or equal to 0", name, percentage))
		}
	}
	return out
}

func faults(texts ...string) []error {
	out := make([]error, len(texts))
	for i, t := range texts {
		out[i] = fmt.Errorf("%s", t)
	}
	return out
}

func countKind(selectors []map[string]any, kind string) int {
	n := 0
	for _, s := range selectors {
		if text(s, "kind") == kind {
			n++
		}
	}
	return n
}

// has tells whether a field is set. Empty lists are not: the hub's own defaulting drops
// them before the rules are asked.
func has(object map[string]any, name string) bool {
	value, ok := object[name]
	if list, isList := value.([]any); isList {
		return len(list) > 0
	}
	return ok
}

func mapping(object map[string]any, name string) map[string]any {
	value, _ := object[name].(map[string]any)
	return value
}

func mappings(object map[string]any, name string) []map[string]any {
	list, _ := object[name].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if value, ok := item.(map[string]any); ok {
			out = append(out, value)
		}
	}
	return out
}

func text(object map[string]any, name string) string {
	value, _ := object[name].(string)
	return value
}
