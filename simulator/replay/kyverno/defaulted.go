package kyverno

import (
	"encoding/json"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/policy"
)

// Defaulted returns a copy of set as an API server would store it, for comparisons: what
// is installed carries the defaults of its CRD, what stands in a repository does not.
// Objects that the API server would refuse stay as written.
func (c *Compiler) Defaulted(set *policy.Set) *policy.Set {
	out := *set
	out.Objects = make([]policy.Object, len(set.Objects))
	for i, o := range set.Objects {
		if stored, err := release.defaulted(o); err == nil {
			o.JSON = sorted(stored, o.JSON)
		}
		out.Objects[i] = o
	}
	redone := policy.FromObjects(set.Source, out.Objects)
	out.Objects = redone.Objects
	return &out
}

// sorted re-encodes an object with sorted keys, or returns the other one.
func sorted(raw, otherwise json.RawMessage) json.RawMessage {
	var object map[string]any
	if utiljson.Unmarshal(raw, &object) != nil {
		return otherwise
	}
	delete(object, "status")
	encoded, err := json.Marshal(object)
	if err != nil {
		return otherwise
	}
	return encoded
}
