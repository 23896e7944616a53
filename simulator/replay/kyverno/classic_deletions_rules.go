package kyverno

import (
	"slices"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/background/common"
	kubeutils "github.com/kyverno/kyverno/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// delete adds what Kyverno deletes for a rule to out. It looks at the policy's name, not at the
// rule's: what other rules made for the object goes as well, where it is of the same kind.
func (u classicBackground) delete(out *answer, rule *kyvernov1.Rule, v verdict.Verdict, found []*unstructured.Unstructured, said []verdict.Verdict) verdict.Verdict {
	for _, object := range found {
		maker, other := rule.Name, object.GetLabels()[common.GenerateRuleLabel]
		at := slices.IndexFunc(said, func(w verdict.Verdict) bool { return w.Rule == other })
		switch {
		case other == rule.Name || at < 0:
		case said[at].Outcome == verdict.Fail:
			maker = other
		case said[at].Outcome == verdict.Pass:
			v = undecided(v, []miss{madeAgain(targetName(*object), other)})
			continue
		}
		out.generated = withDeletions(out.generated, []verdict.Generated{deletion(u.name, maker, object)})
	}
	return v
}

func madeAgain(what, rule string) miss {
	return miss{reason: "Kyverno deletes " + what + " and has the rule " + rule + " make it, at the same time", resolve: "put the rules into policies of their own"}
}

// alongside is another rule that the object triggers and that makes objects of the same kind.
func alongside(policy kyvernov1.PolicyInterface, rule *kyvernov1.Rule, said []verdict.Verdict) string {
	kinds := generatedKinds(rule)
	for _, v := range said {
		other := ruleOf(policy, v.Rule)
		if v.Outcome != verdict.Pass || v.Rule == rule.Name || other == nil || !other.HasGenerate() {
			continue
		}
		if slices.ContainsFunc(generatedKinds(other), func(kind string) bool { return slices.Contains(kinds, kind) }) {
			return v.Rule
		}
	}
	return ""
}

func generatedKinds(rule *kyvernov1.Rule) (kinds []string) {
	for _, p := range patternsOf(rule) {
		if p.Kind != "" {
			kinds = append(kinds, p.Kind)
		}
		for _, gvk := range p.CloneList.Kinds {
			_, kind := kubeutils.GetKindFromGVK(gvk)
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
