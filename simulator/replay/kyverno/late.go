package kyverno

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// lateException is what is not known where an exception is new, and its policy is not.
var lateException = miss{
	reason:  "Kyverno takes no notice of a new exception of a policy of a namespace until the policy changes, or it looks at all again: that takes hours",
	resolve: "change the policy together with its exception",
}

// unnoticed are the exceptions of a policy of a namespace that the cluster does not have, where it has
// the policy as it is.
func (s celSet) unnoticed(object policy.Object, exceptions []celException) (late []string) {
	before, ok := s.installed[object.Kind+" "+object.Namespace+"/"+object.Name]
	if !strings.HasPrefix(object.Kind, "Namespaced") || !ok || len(exceptions) == 0 || !sameSpec(before, object) {
		return nil
	}
	for _, e := range exceptions {
		name := e.typed.Namespace + "/" + e.typed.Name
		if there, ok := s.installed["PolicyException "+name]; !ok || !sameSpec(there, e.object) {
			late = append(late, name)
		}
	}
	return late
}

// sameSpec tells whether two objects ask for the same, with the defaults of their definition.
func sameSpec(a, b policy.Object) bool {
	return a.Digest == b.Digest || reflect.DeepEqual(specOf(a), specOf(b))
}

func specOf(o policy.Object) any {
	content, err := release.defaulted(o)
	if err != nil {
		return err.Error()
	}
	var read struct{ Spec any }
	_ = json.Unmarshal(content, &read) // the API server's own code wrote it
	return read.Spec
}

// unnoticedIn names the exceptions of policies of a namespace. When one comes, Kyverno has the
// policy of its name compiled again, and looks for it without its namespace: until the policy
// changes, or Kyverno starts again, it refuses what is excepted.
func unnoticedIn(set *policy.Set) string {
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
