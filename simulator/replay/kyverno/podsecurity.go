package kyverno

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	"github.com/kyverno/kyverno/pkg/pss"
	pssutils "github.com/kyverno/kyverno/pkg/pss/utils"
	"k8s.io/pod-security-admission/policy"
)

// controlOrder is the place of each control in the list of Pod Security.
var controlOrder = sync.OnceValue(func() map[string]int {
	order := map[string]int{}
	for i, check := range policy.DefaultChecks() {
		order[string(check.ID)] = i
	}
	return order
})

// inOrder is the message of a rule. Where it lists the controls that a pod violates, Kyverno
// draws their order if the rule excludes some; here they come in the order of Pod Security.
func inOrder(rule *engineapi.RuleResponse) string {
	message, security := rule.Message(), rule.PodSecurityChecks()
	if security == nil || len(security.Checks) < 2 {
		return message
	}
	head, found := strings.CutSuffix(message, pss.FormatChecksPrint(security.Checks))
	if !found {
		return message
	}
	order := controlOrder()
	checks := slices.SortedStableFunc(slices.Values(security.Checks), func(a, b pssutils.PSSCheckResult) int {
		return cmp.Compare(order[a.ID], order[b.ID])
	})
	return head + pss.FormatChecksPrint(checks)
}
