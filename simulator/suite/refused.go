package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// rejection says why the policy of an entry was not asked.
func (t *trial) rejection(e *Expected) string {
	for _, p := range t.rejected {
		kind, name, _ := strings.Cut(p.Policy, "/")
		switch {
		case isException(kind):
		case lastPart(name) == lastPart(e.Policy):
			return place(p) + "a cluster would refuse the policy: " + p.Reason
		case t.binds(kind, name, lastPart(e.Policy)):
			return place(p) + "a cluster would refuse the policy: " + p.Policy + ": " + p.Reason
		}
	}
	return ""
}

// refused are the rows of what a cluster would refuse and no entry is about: what the suite
// says of the others would be said without it.
func (t *trial) refused() []Row {
	var rows []Row
	for _, p := range t.rejected {
		if slices.ContainsFunc(t.Test.Results, func(e Expected) bool { return t.concerns(p, &e) }) || len(t.Test.Results) == 0 {
			continue
		}
		rows = append(rows, Row{Suite: t.Path, Name: t.Title(), Policy: p.Policy, Status: Errored, Reason: place(p) + "a cluster would refuse it: " + p.Reason})
	}
	return rows
}

// concerns tells whether an entry is about a policy, or about that of a binding.
func (t *trial) concerns(p policy.Problem, e *Expected) bool {
	kind, name, _ := strings.Cut(p.Policy, "/")
	return !isException(kind) && (lastPart(name) == lastPart(e.Policy) || t.binds(kind, name, lastPart(e.Policy)))
}

// unexcepted says that an exception to the policy of an entry is none, for a cluster would refuse it.
func (t *trial) unexcepted(e *Expected) string {
	for _, p := range t.rejected {
		if kind, name, _ := strings.Cut(p.Policy, "/"); isException(kind) && t.excepts(name, lastPart(e.Policy)) {
			return "; " + place(p) + "a cluster would refuse the exception " + lastPart(name) + ": " + p.Reason
		}
	}
	return ""
}

func isException(kind string) bool { return kind == "PolicyException" }

// place is where a problem is, to lead its reason.
func place(p policy.Problem) string { return fmt.Sprintf("%s:%d: ", p.File, p.Line) }

// binds tells whether a binding is of a policy.
func (t *trial) binds(kind, name, policyName string) bool {
	return slices.ContainsFunc(t.set.Objects, func(o policy.Object) bool {
		var binding struct{ Spec struct{ PolicyName string } }
		return o.Kind == kind && o.Name == name && strings.HasSuffix(kind, "Binding") && json.Unmarshal(o.JSON, &binding) == nil && binding.Spec.PolicyName == policyName
	})
}

// excepts tells whether an exception is one to a policy.
func (t *trial) excepts(exception, policyName string) bool {
	return slices.ContainsFunc(t.set.Objects, func(o policy.Object) bool {
		var written struct {
			Spec struct {
				Exceptions []struct{ PolicyName string }
				PolicyRefs []struct{ Name string }
			}
		}
		if !isException(o.Kind) || o.Name != lastPart(exception) || json.Unmarshal(o.JSON, &written) != nil {
			return false
		}
		for _, x := range written.Spec.Exceptions {
			if lastPart(x.PolicyName) == policyName {
				return true
			}
		}
		for _, x := range written.Spec.PolicyRefs {
			if x.Name == policyName {
				return true
			}
		}
		return false
	})
}
