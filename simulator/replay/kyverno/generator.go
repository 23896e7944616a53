package kyverno

import (
	"encoding/json"
	"slices"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/background/common"

	"github.com/seatrial/seatrial/simulator/policy"
)

// Generator is what generated an object, as Kyverno's labels on it say.
type Generator struct {
	Namespace, Name string // of the policy
	Rule            string // empty: a GeneratingPolicy has none
	TriggerUID      string // of the object that it was generated for
}

// GeneratorOf is what generated an object; ok is false where no policy did.
func GeneratorOf(o policy.Object) (of Generator, ok bool) {
	var head struct {
		Metadata struct{ Labels map[string]string }
	}
	_ = json.Unmarshal(o.JSON, &head) // it was decoded before
	labels := head.Metadata.Labels
	of = Generator{labels[common.GeneratePolicyNamespaceLabel], labels[common.GeneratePolicyLabel], labels[common.GenerateRuleLabel], labels[common.GenerateTriggerUIDLabel]}
	return of, of.Name != ""
}

// Is tells whether a policy is the generator.
func (g Generator) Is(o policy.Object) bool {
	generates := []string{"ClusterPolicy", "Policy", "GeneratingPolicy", "NamespacedGeneratingPolicy"}
	return o.Name == g.Name && o.Namespace == g.Namespace && slices.Contains(generates, o.Kind)
}

// Asks tells whether a policy still has the rule that generated.
func (g Generator) Asks(o policy.Object) bool {
	if !isClassic(o) {
		return true
	}
	typed, err := typePolicy(o)
	return err == nil && slices.ContainsFunc(typed.GetSpec().Rules, func(r kyvernov1.Rule) bool { return r.Name == g.Rule && r.HasGenerate() })
}

// Follows tells whether what was generated is kept as the policy would generate it.
func (g Generator) Follows(o policy.Object) bool { return shippingOf(o).syncs }

// Takes tells whether what was generated is deleted when the policy, or its rule, is gone.
func (g Generator) Takes(o policy.Object) bool {
	keeps := shippingOf(o).keeps
	return slices.Contains(keeps, g.Rule) || slices.Contains(keeps, "")
}
