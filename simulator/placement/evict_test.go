package placement

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Without its webhook a hub may hold budgets that PickAll cannot have; they block.
func TestMisconfiguredBudgets(t *testing.T) {
	number, percentage := intstr.FromInt32(1), intstr.FromString("50%")
	p := &placed{bindings: []*binding{{Cluster: "m1", State: bound}}, deliveries: map[string]*delivery{"m1": {}}, placement: &placement{}}
	for _, c := range []struct {
		reason string
		spec   budgetSpec
		want   string
	}{
		{"a number that may be away", budgetSpec{MaxUnavailable: &number}, evictionNotExecuted},
		{"a percentage that has to be there", budgetSpec{MinAvailable: &percentage}, evictionNotExecuted},
		{"a budget that says nothing", budgetSpec{}, evictionNotExecuted},
	} {
		got, message := judgeBudget(p, PickAll, c.spec)
		if got != c.want || !strings.HasPrefix(message, "Eviction is blocked by") {
			t.Errorf("%s: %s: %s", c.reason, got, message)
		}
	}
}
