package rollout

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/policy"
)

// A cluster gets the policy that was written, with integers that no float holds.
func TestAPolicyIsWrittenWithItsIntegers(t *testing.T) {
	const large = 9007199254740993
	u, err := parse(&policy.Object{JSON: []byte(`{"apiVersion":"kyverno.io/v1","kind":"ClusterPolicy","metadata":{"name":"p"},"spec":{"large":9007199254740993}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := unstructured.NestedInt64(u.Object, "spec", "large"); err != nil || got != large {
		t.Errorf("written as %d: %v", got, err)
	}
}
