package kyverno

import kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"

// Requests of Kyverno's own background controller set off neither rules that generate or mutate what
// exists, nor MutatingPolicies and GeneratingPolicies, unless these ask for them
// (skipBackgroundRequests: false).

// own tells whether Kyverno's background controller sends the request.
func (r *request) own() bool {
	return r.env.mocks == nil && !r.nobody && r.adm.UserInfo.Username == r.backgroundName()
}

// backgroundName is the account of Kyverno's background controller.
func (r *request) backgroundName() string {
	if known := r.rights(); known != nil {
		return known.accounts[backgroundSuffix].name
	}
	return controllers + backgroundSuffix
}

// askedByItself is a policy with the rules that a request of Kyverno's own sets off; nil for none.
func askedByItself(policy kyvernov1.PolicyInterface) kyvernov1.PolicyInterface {
	asked := withRules(policy, func(rule *kyvernov1.Rule) bool {
		return rule.SkipBackgroundRequests != nil && !*rule.SkipBackgroundRequests
	})
	if asked != nil {
		asked.SetResourceVersion("") // keep it out of the autogen memo
	}
	return asked
}
