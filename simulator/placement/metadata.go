package placement

import (
	"encoding/json"
	"fmt"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	apifield "k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/seatrial/seatrial/simulator/policy"
)

// metaFaults are what an API server does not take of an object's name, labels and
// annotations, whatever its kind.
func metaFaults(o *policy.Object, object map[string]any) []error {
	raw, err := json.Marshal(object["metadata"])
	if err != nil {
		return []error{err}
	}
	var meta metav1.ObjectMeta
	if err := json.Unmarshal(raw, &meta); err != nil {
		return []error{fmt.Errorf("the API server cannot decode it: metadata: %w", err)}
	}
	var out []error
	for _, fault := range nameRule(groupKindOf(o))(o.Name) {
		out = append(out, fmt.Errorf("metadata.name: Invalid value: %q: %s", o.Name, fault))
	}
	at := apifield.NewPath("metadata")
	for _, fault := range append(metav1validation.ValidateLabels(meta.Labels, at.Child("labels")), apivalidation.ValidateAnnotations(meta.Annotations, at.Child("annotations"))...) {
		out = append(out, fault)
	}
	return out
}

// nameRule is what the names of a kind have to be. Roles may be called almost anything.
func nameRule(gk groupKind) func(string) []string {
	switch {
	case gk.group == "rbac.authorization.k8s.io":
		return path.IsValidPathSegmentName
	case gk == groupKind{"", "Namespace"}:
		return validation.IsDNS1123Label
	}
	return validation.IsDNS1123Subdomain
}
