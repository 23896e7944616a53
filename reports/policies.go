package reports

import (
	"cmp"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// policiesOf lists the policies of both sides, those with the most newly denied first.
func policiesOf(in Input) []Policy {
	rows := []Policy{}
	for _, change := range in.Changes {
		if isPolicy(change.Kind) {
			rows = append(rows, policyOf(change, in.Radius))
		}
	}
	slices.SortStableFunc(rows, func(a, b Policy) int {
		return cmp.Or(worse(a.Workloads, b.Workloads), worse(a.Requests, b.Requests), rank(a.Change)-rank(b.Change), a.Ref.Compare(b.Ref))
	})
	return rows
}

func rank(change string) int {
	return slices.Index([]string{"changed", "added", "removed", "unchanged"}, change)
}

func policyOf(change policy.Change, r *blast.Radius) Policy {
	row := Policy{
		Ref:    verdict.PolicyRef{Kind: change.Kind, Namespace: change.Namespace, Name: change.Name},
		Change: string(change.Change), Requests: Counts{}, Workloads: Counts{},
	}
	object := change.After
	if object == nil {
		object = change.Before
	}
	row.File, row.Line = object.File, object.Line
	row.Title = annotation(object, "policies.kyverno.io/title")
	row.Severity = annotation(object, "policies.kyverno.io/severity")
	if counted := r.Policies[row.Ref]; counted != nil {
		row.Requests, row.Workloads = counted.Requests, counted.Workloads
		row.Baseline, row.Candidate = outcomesOf(counted.Baseline), outcomesOf(counted.Candidate)
	}
	if change.Before == nil {
		row.Baseline = nil
	}
	if change.After == nil {
		row.Candidate = nil
	}
	if change.Change != "unchanged" || len(row.Requests) > 0 {
		row.Before, row.After = written(change.Before), written(change.After)
	}
	return row
}

func written(o *policy.Object) string {
	if o == nil {
		return ""
	}
	if o.YAML == "" { // from a capture, which keeps no text
		text, err := yaml.JSONToYAML(o.JSON)
		if err != nil {
			return ""
		}
		return string(text)
	}
	return o.YAML
}
