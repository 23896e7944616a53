package placement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// computeStages puts the selected clusters into stages: each into exactly one.
func (w *world) computeStages(r *runState, specs []stageSpec, selected []string) ([]*runStage, string) {
	placed := map[string]bool{}
	var out []*runStage
	for _, spec := range specs {
		if when, fault := spec.checkTasks(); fault != "" {
			return nil, fmt.Sprintf("%s: the %s stage tasks are invalid, updateStrategy: `%s`, stage: %s, err: %s", invalid, when, r.strategyKey(), spec.Name, fault)
		}
		if _, err := metav1.LabelSelectorAsSelector(spec.LabelSelector); err != nil {
			return nil, fmt.Sprintf("%s: the stage label selector is invalid, updateStrategy: `%s`, stage: %s, err: %s", invalid, r.strategyKey(), spec.Name, err)
		}
		s := &runStage{stageSpec: spec, done: map[string]bool{}, inFlight: map[string]bool{}}
		for _, m := range w.members {
			if !slices.Contains(selected, m.Name) || !labelsMatch(spec.LabelSelector, m.Labels) {
				continue
			}
			if placed[m.Name] {
				return nil, fmt.Sprintf("%s: cluster `%s` appears in more than one stages", invalid, m.Name)
			}
			if fault := spec.sortingFault(m); fault != "" {
				return nil, invalid + ": " + fault
			}
			placed[m.Name] = true
			s.clusters = append(s.clusters, m.Name)
		}
		w.sortClusters(s)
		out = append(out, s)
	}
	if missing := slices.DeleteFunc(slices.Clone(selected), func(c string) bool { return placed[c] }); len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Sprintf("%s: some clusters are not placed in any stage, total %d, showing up to 10: %s", invalid, len(missing), strings.Join(missing[:min(10, len(missing))], ", "))
	}
	return out, ""
}

func (s stageSpec) sortingFault(m *Member) string {
	if s.SortingLabelKey == nil {
		return ""
	}
	value := m.Labels[*s.SortingLabelKey]
	if _, err := strconv.Atoi(value); err != nil {
		return fmt.Sprintf("the sorting label `%s:%s` on cluster `%s` is not valid: %s", *s.SortingLabelKey, value, m.Name, err)
	}
	return ""
}

// sortClusters orders a stage by its sorting label as a number, then by name.
func (w *world) sortClusters(s *runStage) {
	rank := func(name string) int {
		if m := w.member(name); s.SortingLabelKey != nil && m != nil {
			n, _ := strconv.Atoi(m.Labels[*s.SortingLabelKey])
			return n
		}
		return 0
	}
	slices.SortStableFunc(s.clusters, func(a, b string) int {
		if x, y := rank(a), rank(b); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}
