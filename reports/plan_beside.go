package reports

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// keeps notes what a member has by itself, and how long: what the hub has ever brought is
// the hub's from then on, and goes when the hub takes it away.
func (w *walk) keeps(member string, set *policy.Set) {
	state := &placement.State{}
	for _, o := range set.Objects {
		state.Delivered = append(state.Delivered, placement.Delivered{Object: o})
	}
	own, until := w.holds(state), map[placement.ObjectRef]int{}
	for stage := range w.plan.Stages {
		for ref := range w.holds(w.plan.Stages[stage].States[member]) {
			if _, met := until[ref]; !met {
				until[ref] = stage
			}
		}
	}
	maps.DeleteFunc(own, func(ref placement.ObjectRef, _ item) bool {
		stage, met := until[ref]
		return met && stage == 0
	})
	w.own[member], w.until[member] = own, until
}

// admissionPolicy tells whether a kind is one of Kubernetes' own policies, which do nothing
// where no binding names them.
func admissionPolicy(kind string) bool {
	return kind == "ValidatingAdmissionPolicy" || kind == "MutatingAdmissionPolicy"
}

// boundBy are the admission policies that a binding of a state names, as "KIND NAME".
func boundBy(s *placement.State) map[string]bool {
	out := map[string]bool{}
	for _, d := range s.Delivered {
		kind, ok := strings.CutSuffix(d.Object.Kind, "Binding")
		if !ok || !admissionPolicy(kind) {
			continue
		}
		var b struct {
			Spec struct {
				PolicyName string `json:"policyName"`
			} `json:"spec"`
		}
		if json.Unmarshal(d.Object.JSON, &b) == nil {
			out[kind+" "+b.Spec.PolicyName] = true
		}
	}
	return out
}

// exceptionsOf lists the exceptions of a state by the policy that they are for.
func exceptionsOf(s *placement.State) map[string][]string {
	out := map[string][]string{}
	for _, d := range s.Delivered {
		if d.Object.Kind != "PolicyException" {
			continue
		}
		name := strings.TrimPrefix(d.Object.Namespace+"/"+d.Object.Name, "/")
		for _, p := range excepted(d.Object) {
			out[p] = append(out[p], name)
		}
	}
	return out
}

// excepted names the policies that an exception is for, as policyName does. Kyverno's two
// kinds of exceptions say it differently.
func excepted(o policy.Object) (names []string) {
	var x struct {
		Spec struct {
			Exceptions []struct {
				PolicyName string `json:"policyName"`
			} `json:"exceptions"`
			PolicyRefs []struct {
				Kind string `json:"kind"`
				Name string `json:"name"`
			} `json:"policyRefs"`
		} `json:"spec"`
	}
	if json.Unmarshal(o.JSON, &x) != nil {
		return nil
	}
	for _, e := range x.Spec.Exceptions {
		names = append(names, "classic "+e.PolicyName)
	}
	for _, r := range x.Spec.PolicyRefs {
		names = append(names, r.Kind+" "+r.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// policyName is how exceptions call a policy.
func policyName(o policy.Object) string {
	switch o.Kind {
	case "ClusterPolicy":
		return "classic " + o.Name
	case "Policy":
		return fmt.Sprintf("classic %s/%s", o.Namespace, o.Name)
	}
	return o.Kind + " " + o.Name
}
