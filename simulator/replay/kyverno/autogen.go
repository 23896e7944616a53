package kyverno

import (
	"sync"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/autogen"
)

// autogenMemo remembers the rules that Kyverno generates for pod controllers. Kyverno
// computes them at each evaluation, by way of JSON. The key is the policy's address:
// the policies of a [Compiler] live as long as it does and are never changed.
type autogenMemo struct {
	autogen.Autogen
	mu    sync.RWMutex
	rules map[autogenKey][]kyvernov1.Rule
}

type autogenKey struct {
	policy kyvernov1.PolicyInterface
	kind   string
}

var installAutogenMemo = sync.OnceValue(func() *autogenMemo {
	memo := &autogenMemo{Autogen: autogen.Default, rules: map[autogenKey][]kyvernov1.Rule{}}
	autogen.Default = memo
	return memo
})

// keep computes the policy's rules for kind and remembers them.
func (m *autogenMemo) keep(policy kyvernov1.PolicyInterface, kind string) []kyvernov1.Rule {
	rules := m.Autogen.ComputeRules(policy, kind)
	if holdsCEL(rules) {
		return rules // the engine writes messages into validate.cel rules: never share those
	}
	m.mu.Lock()
	m.rules[autogenKey{policy, kind}] = rules
	m.mu.Unlock()
	return rules
}

func (m *autogenMemo) ComputeRules(policy kyvernov1.PolicyInterface, kind string) []kyvernov1.Rule {
	m.mu.RLock()
	rules, ok := m.rules[autogenKey{policy, kind}]
	m.mu.RUnlock()
	if ok {
		return rules
	}
	if !isCompiled(policy) {
		return m.Autogen.ComputeRules(policy, kind)
	}
	return m.keep(policy, kind)
}

// compiledMark is set on the policies of a Compiler (in memory only), so that the memo
// keeps no others: the engine makes short-lived copies whose addresses are reused.
const compiledMark = "seatrial-compiled"

func isCompiled(policy kyvernov1.PolicyInterface) bool {
	return policy.GetResourceVersion() == compiledMark
}

func holdsCEL(rules []kyvernov1.Rule) bool {
	for i := range rules {
		if rules[i].HasValidateCEL() {
			return true
		}
	}
	return false
}
