package verdict

import "encoding/json"

// Mutation is what one policy made of the object of a request.
type Mutation struct {
	Policy PolicyRef
	Type   RuleType        // Mutate or VerifyImages
	Rules  []MutatingRule  // those that applied
	Patch  json.RawMessage // JSON patch (RFC 6902) from the object as the policy got it
	// Definition is the same where two sides have the policy as it is.
	Definition any
}

// MutatingRule is a rule with the text of its definition, empty where a policy is no list of rules.
type MutatingRule struct{ Name, Definition string }
