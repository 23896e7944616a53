package kyverno

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/policy"
)

func TestLateExceptionsOfNamespacedPoliciesAreNoted(t *testing.T) {
	exception := func(kind string) policy.Object {
		return policy.Object{
			APIVersion: "policies.kyverno.io/v1", Kind: "PolicyException", Namespace: "lab", Name: "x",
			JSON: json.RawMessage(`{"spec":{"policyRefs":[{"name":"p","kind":"` + kind + `"}]}}`),
		}
	}
	if note := unnoticedIn(policy.FromObjects("t", []policy.Object{exception("ValidatingPolicy")})); note != "" {
		t.Error(note)
	}
	if note := unnoticedIn(policy.FromObjects("t", []policy.Object{exception("NamespacedValidatingPolicy")})); !strings.HasSuffix(note, ": lab/x (of NamespacedValidatingPolicy p)") {
		t.Error(note)
	}
}
