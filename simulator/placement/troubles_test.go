package placement

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/policy"
)

// What a member's own admission does not take never arrives there, and what replaces an
// older version leaves that one.
func TestMembersRefuse(t *testing.T) {
	const p = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec: {rules: [], background: %s}
---
apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterResourcePlacement
metadata: {name: c}
spec:
  resourceSelectors: [{group: kyverno.io, version: v1, kind: ClusterPolicy, name: p}]
  strategy: {rollingUpdate: {maxUnavailable: 100%%, unavailablePeriodSeconds: 1}}
`
	old, bad := loadText(t, fmt.Sprintf(p, "true")), loadText(t, fmt.Sprintf(p, "false"))
	refuses := func(member string, o policy.Object) Refusal {
		if member != "m3" && strings.Contains(string(o.JSON), "false") {
			return Refusal{Reason: "it is bad", By: ByKyverno}
		}
		return Refusal{}
	}
	for name, test := range map[string]struct {
		before  *Hub
		refuses func(string, policy.Object) Refusal
		holds   string // each member's background and staleness
		warned  bool
	}{
		"new":       {nil, refuses, "m1: m2: m3:false", true},
		"update":    {old, refuses, "m1:true stale m2:true stale m3:false", true},
		"unchanged": {bad, refuses, "m1:false m2:false m3:false", false}, // it passes no webhook
		"all taken": {old, nil, "m1:false m2:false m3:false", false},
	} {
		q := Question{Before: test.before, After: bad, Members: []*Member{NewMember("m1", nil), NewMember("m2", nil), NewMember("m3", nil)}, Refuses: test.refuses}
		plan, err := KubeFleet{}.Plan(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		var holds []string
		last := plan.Stages[len(plan.Stages)-1].States
		for _, m := range []string{"m1", "m2", "m3"} {
			text := m + ":"
			if s := last[m]; s != nil {
				for _, d := range s.Delivered {
					text += fmt.Sprint(strings.Contains(string(d.Object.JSON), `"background":true`))
					if d.Stale != "" {
						text += " stale"
					}
				}
			}
			holds = append(holds, text)
		}
		if got := strings.Join(holds, " "); got != test.holds {
			t.Errorf("%s: %s, want %s", name, got, test.holds)
		}
		warned := false
		for _, w := range plan.Warnings {
			if w.Code == "kyverno-refuses" {
				warned = true
				if got := strings.Join(w.Members, " "); got != "m1 m2" || !strings.Contains(w.Text, "ClusterPolicy/p: the member's Kyverno refuses it: it is bad") {
					t.Errorf("%s: on %s: %s", name, got, w.Text)
				}
			}
		}
		if warned != test.warned {
			t.Errorf("%s: warned: %v", name, warned)
		}
	}
}

func TestTroubles(t *testing.T) {
	why := map[string]string{"c": "ApplyFailed: x", "a": "ApplyFailed: x", "b": "ApplyPending", "d": ""}
	if got, want := troubles(why), "2 clusters (a, c): ApplyFailed: x\nb: ApplyPending"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for i := range 12 {
		why[fmt.Sprintf("m%02d", i)] = "ApplyFailed: x"
	}
	if got, want := troubles(why), "14 clusters (a, c, m00, m01, m02, m03, m04, m05, m06, m07 and 4 more): ApplyFailed: x"; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
