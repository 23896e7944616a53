package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/policy"
)

// admissionVersions are those in which Kyverno's own runner reads admission policies, 1.19.1.
var admissionVersions = map[string]string{
	"ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
	"MutatingAdmissionPolicy":   "admissionregistration.k8s.io/v1alpha1",
}

// unread says that Kyverno's own runner does not read the policy of an entry.
func (t *trial) unread(e *Expected) string {
	for _, o := range t.set.Objects {
		if version := admissionVersions[o.Kind]; o.Name == lastPart(e.Policy) && version != "" && version != o.APIVersion {
			return fmt.Sprintf("Not found: Kyverno's own runner reads a %s of %s only", o.Kind, version)
		}
	}
	return ""
}

// unheard tells that Kyverno's own runner has no answer of the policy of an entry that says
// nothing of a resource, rather than an empty one: "Not found", not "Excluded".
func (t *trial) unheard(e *Expected) bool {
	return slices.ContainsFunc(t.set.Objects, func(o policy.Object) bool {
		if o.Name != lastPart(e.Policy) {
			return false
		}
		switch strings.TrimPrefix(o.Kind, "Namespaced") {
		case "MutatingAdmissionPolicy", "ImageValidatingPolicy", "GeneratingPolicy", "DeletingPolicy":
			return true
		case "ValidatingPolicy", "MutatingPolicy":
			return plain(o)
		case "ClusterPolicy", "Policy":
			return onlyGenerates(o)
		}
		return false
	})
}

// plain tells of a policy whose constraints are one rule, without selectors and names.
func plain(o policy.Object) bool {
	var written struct {
		Spec struct {
			MatchConstraints *admissionregistrationv1.MatchResources
		}
	}
	if json.Unmarshal(o.JSON, &written) != nil || written.Spec.MatchConstraints == nil {
		return false
	}
	c := written.Spec.MatchConstraints
	return selectsAll(c.NamespaceSelector) && selectsAll(c.ObjectSelector) && len(c.ExcludeResourceRules) == 0 && len(c.ResourceRules) == 1 && len(c.ResourceRules[0].ResourceNames) == 0
}

func selectsAll(s *metav1.LabelSelector) bool {
	return s == nil || len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

func onlyGenerates(o policy.Object) bool {
	var written struct {
		Spec struct{ Rules []map[string]any }
	}
	if json.Unmarshal(o.JSON, &written) != nil {
		return false
	}
	return !slices.ContainsFunc(written.Spec.Rules, func(rule map[string]any) bool { return rule["generate"] == nil })
}
