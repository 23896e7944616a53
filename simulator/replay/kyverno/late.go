package kyverno

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// unnoticed names the exceptions of policies of a namespace. When one comes, Kyverno has the
// policy of its name compiled again, and looks for it without its namespace: until the policy
// changes, or Kyverno starts again, it refuses what is excepted.
func unnoticed(set *policy.Set) string {
	var names []string
	for _, o := range set.Objects {
		if o.Kind != "PolicyException" || !strings.HasPrefix(o.APIVersion, "policies.kyverno.io/") {
			continue
		}
		var exception struct {
			Spec struct{ PolicyRefs []struct{ Name, Kind string } }
		}
		_ = json.Unmarshal(o.JSON, &exception) // it is decoded in full elsewhere
		for _, ref := range exception.Spec.PolicyRefs {
			if strings.HasPrefix(ref.Kind, "Namespaced") {
				names = append(names, o.Namespace+"/"+o.Name+" (of "+ref.Kind+" "+ref.Name+")")
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "exceptions of policies of a namespace are taken as known to Kyverno, which takes no notice of a new one until the policy changes or Kyverno starts again: " + strings.Join(slices.Compact(names), ", ")
}
