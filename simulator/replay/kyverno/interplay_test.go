package kyverno

import (
	"fmt"
	"testing"

	"github.com/seatrial/seatrial/simulator/policy"
)

// TestMeet holds which policies that mutate are tried in several orders.
func TestMeet(t *testing.T) {
	mutating := func(mutate string) phased {
		c, err := newClassic(policy.Object{Kind: "ClusterPolicy", Name: "p", JSON: []byte(fmt.Sprintf(
			`{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"p"},"spec":{"rules":[{"name":"r","match":{"any":[{"resources":{"kinds":["Pod"]}}]},"mutate":%s}]}}`, mutate))}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return phased{phaseMutate, classicMutate{c}}
	}
	label := func(key string) phased {
		return mutating(`{"patchStrategicMerge":{"metadata":{"labels":{"` + key + `":"x"}}}}`)
	}
	image := mutating(`{"foreach":[{"list":"request.object.spec.containers","patchStrategicMerge":{"spec":{"containers":[{"name":"{{ element.name }}","image":"x/{{ element.image }}"}]}}}]}`)
	for _, c := range []struct {
		reason string
		a, b   phased
		want   bool
	}{
		{"two labels", label("example.com/team"), label("example.com/stage"), false},
		{"one label", label("example.com/team"), label("example.com/team"), true},
		{"an anchor only compares", label("team"), mutating(`{"patchStrategicMerge":{"spec":{"(hostNetwork)":true,"dnsPolicy":"Default"}}}`), false},
		{"what one reads the other writes", label("team"), mutating(`{"patchStrategicMerge":{"metadata":{"annotations":{"a":"{{ request.object.metadata.labels.team }}"}}}}`), true},
		{"all labels at once", label("team"), mutating(`{"patchesJson6902":"- {op: add, path: /metadata/labels, value: {team: y}}"}`), true},
		{"images", image, image, true},
		{"images and labels", image, label("team"), false},
	} {
		if got := meet(c.a.unit, c.b.unit); got != c.want {
			t.Errorf("%s: %v", c.reason, got)
		}
		if got := len(around(c.a, []phased{c.b, c.a})); got != 1+map[bool]int{true: 1}[c.want] {
			t.Errorf("%s: %d around it", c.reason, got)
		}
	}
}
