package hub

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestWaitsAreDivided(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		by             float64
	}{
		{"timed waits", `{kind: ClusterStagedUpdateStrategy, spec: {stages: [{name: a, afterStageTasks: [{type: TimedWait, waitTime: 1h}, {type: Approval}]}, {name: b}]}}`,
			`{kind: ClusterStagedUpdateStrategy, spec: {stages: [{name: a, afterStageTasks: [{type: TimedWait, waitTime: 1m0s}, {type: Approval}]}, {name: b}]}}`, 60},
		{"a second at least", `{kind: StagedUpdateStrategy, spec: {stages: [{name: a, afterStageTasks: [{type: TimedWait, waitTime: 10s}]}]}}`,
			`{kind: StagedUpdateStrategy, spec: {stages: [{name: a, afterStageTasks: [{type: TimedWait, waitTime: 1s}]}]}}`, 3600},
		{"unreadable", `{kind: StagedUpdateStrategy, spec: {stages: [{name: a, afterStageTasks: [{type: TimedWait, waitTime: soon}]}]}}`,
			`{kind: StagedUpdateStrategy, spec: {stages: [{name: a, afterStageTasks: [{type: TimedWait, waitTime: soon}]}]}}`, 60},
		{"the period that is not said", `{kind: ClusterResourcePlacement, spec: {policy: {placementType: PickAll}}}`,
			`{kind: ClusterResourcePlacement, spec: {policy: {placementType: PickAll}, strategy: {rollingUpdate: {unavailablePeriodSeconds: 30}}}}`, 2},
		{"no waits", `{kind: ResourcePlacement, spec: {strategy: {type: RollingUpdate, rollingUpdate: {unavailablePeriodSeconds: 600, maxUnavailable: 1}}}}`,
			`{kind: ResourcePlacement, spec: {strategy: {type: RollingUpdate, rollingUpdate: {unavailablePeriodSeconds: 1, maxUnavailable: 1}}}}`, 0},
		{"none asked for", `{kind: ResourcePlacement, spec: {strategy: {rollingUpdate: {unavailablePeriodSeconds: 0}}}}`,
			`{kind: ResourcePlacement, spec: {strategy: {rollingUpdate: {unavailablePeriodSeconds: 0}}}}`, 0},
		{"moved by runs", `{kind: ClusterResourcePlacement, spec: {strategy: {type: External}}}`, `{kind: ClusterResourcePlacement, spec: {strategy: {type: External}}}`, 60},
		{"what is placed", `{kind: ClusterPolicy, spec: {stages: [{afterStageTasks: [{waitTime: 1h}]}]}}`, `{kind: ClusterPolicy, spec: {stages: [{afterStageTasks: [{waitTime: 1h}]}]}}`, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := parsed(t, c.in), parsed(t, c.want)
			shorten(got, c.by)
			if d := cmp.Diff(want.Object, got.Object); d != "" {
				t.Error(d)
			}
		})
	}
}

func parsed(t *testing.T, content string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	j, err := yaml.YAMLToJSON([]byte("{apiVersion: v1, " + content[1:]))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.UnmarshalJSON(j); err != nil {
		t.Fatal(err)
	}
	return o
}
