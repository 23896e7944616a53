package timeline

// A Comparison sets the live answers of real clusters beside the replay's, request by
// request and part by part.
type Comparison struct {
	Policies string    `json:"policies,omitempty"` // the candidate, as it was asked for
	Provider string    `json:"provider"`
	Took     Span      `json:"took"`
	Clusters []Cluster `json:"clusters"` // in fleet order
	Parts    []Part    `json:"parts"`    // in a fixed order
	// Interrupted: it has what was compared until then.
	Interrupted bool `json:"interrupted,omitempty"`
	// Lost clusters failed: what they had not answered by then is not in the counts.
	Lost     []Loss        `json:"lost,omitempty"`
	Unjudged []Refusal     `json:"unjudged,omitempty"` // no live answer, by reason
	Unknown  []Refusal     `json:"unknown,omitempty"`  // undecided offline, by reason
	Misses   []Discrepancy `json:"misses,omitempty"`   // by cluster and order of the records
}

// A Loss is a cluster that failed.
type Loss struct {
	Cluster string `json:"cluster"`
	Error   string `json:"error"`
}

// A Part is one thing that is compared.
type Part struct {
	Name     string `json:"name"`     // policy, decision, message, object, warnings
	Compared int    `json:"compared"` // requests with an answer on both sides
	Agreed   int    `json:"agreed"`
	// Partly are those of the compared of which rules are left out that are undecided offline.
	Partly int `json:"partly,omitempty"`
	// Not compared: undecided offline, or without a live answer.
	Undecided int `json:"undecided,omitempty"`
	Unjudged  int `json:"unjudged,omitempty"`
}

// A Discrepancy is a part of an answer in which the two sides differ.
type Discrepancy struct {
	Policies string `json:"policies,omitempty"` // the candidate
	Part     string `json:"part"`
	Cluster  string `json:"cluster"`
	Record   int64  `json:"record"`  // in the capture; -1 for a policy
	Request  string `json:"request"` // or the policy
	Offline  string `json:"offline"`
	Live     string `json:"live"`
}

// Agreement is how many of the decided answers agree, over all parts.
func (c *Comparison) Agreement() (agreed, compared int) {
	for _, p := range c.Parts {
		agreed, compared = agreed+p.Agreed, compared+p.Compared
	}
	return agreed, compared
}
