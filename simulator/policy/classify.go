package policy

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// class says what a document is to a policy set.
type class int

const (
	classOther   class = iota // some other Kubernetes object
	classPolicy               // a policy, exception, binding or global context entry
	classIgnored              // no object of a cluster
	classUnknown              // a kind of Kyverno's, or a version of it, that does not exist
)

// versions lists the policy kinds and the API versions in which Kyverno 1.19 and
// Kubernetes 1.36 serve them. Source: the release's CRDs; admissionregistration.k8s.io.
var versions = map[string]map[string]string{
	"kyverno.io": {
		"ClusterPolicy": "v1 v2beta1", "Policy": "v1 v2beta1",
		"PolicyException": "v2 v2beta1", "CleanupPolicy": "v2 v2beta1", "ClusterCleanupPolicy": "v2 v2beta1",
		"GlobalContextEntry": "v2 v2beta1 v2alpha1",
	},
	"policies.kyverno.io": {
		"ValidatingPolicy": "v1 v1beta1 v1alpha1", "MutatingPolicy": "v1 v1beta1 v1alpha1", "GeneratingPolicy": "v1 v1beta1 v1alpha1",
		"ImageValidatingPolicy": "v1 v1beta1 v1alpha1", "DeletingPolicy": "v1 v1beta1 v1alpha1", "PolicyException": "v1 v1beta1 v1alpha1",
		"NamespacedValidatingPolicy": "v1 v1beta1", "NamespacedMutatingPolicy": "v1 v1beta1", "NamespacedGeneratingPolicy": "v1 v1beta1",
		"NamespacedImageValidatingPolicy": "v1 v1beta1", "NamespacedDeletingPolicy": "v1 v1beta1",
	},
	"admissionregistration.k8s.io": {
		"ValidatingAdmissionPolicy": "v1 v1beta1 v1alpha1", "ValidatingAdmissionPolicyBinding": "v1 v1beta1 v1alpha1",
		"MutatingAdmissionPolicy": "v1 v1beta1 v1alpha1", "MutatingAdmissionPolicyBinding": "v1 v1beta1 v1alpha1",
	},
}

// otherKinds are the kinds of Kyverno's API groups that decide nothing: what its
// controllers write, those of releases before 1.12 included.
var otherKinds = map[string][]string{
	"kyverno.io": {
		"UpdateRequest", "GenerateRequest", "AdmissionReport", "ClusterAdmissionReport", "BackgroundScanReport", "ClusterBackgroundScanReport",
		"ReportChangeRequest", "ClusterReportChangeRequest",
	},
	"policies.kyverno.io": nil,
}

// clientSide are the API groups whose kinds no cluster stores.
var clientSide = map[string]string{
	"kustomize.config.k8s.io": "read by Kustomize, not by a cluster",
	"cli.kyverno.io":          "read by Kyverno's command line, not by a cluster",
	"chainsaw.kyverno.io":     "read by Chainsaw, not by a cluster",
	"json.kyverno.io":         "read by kyverno-json, not by a cluster",
}

// IsPolicyKind tells whether objects of the kind decide about requests: policies,
// exceptions, bindings, global context entries.
func IsPolicyKind(apiVersion, kind string) bool {
	group, version := path.Split(apiVersion)
	served, ok := versions[strings.TrimSuffix(group, "/")][kind]
	return ok && strings.Contains(" "+served+" ", " "+version+" ")
}

func classify(apiVersion, kind string) (class, string) {
	if apiVersion == "" || kind == "" {
		return classIgnored, "no Kubernetes object: it has no apiVersion and kind"
	}
	group, version := path.Split(apiVersion)
	group = strings.TrimSuffix(group, "/")
	if reason := misspelt(apiVersion, group, kind); reason != "" {
		return classUnknown, reason
	}
	if reason, ok := clientSide[group]; ok {
		return classIgnored, kind + " is " + reason
	}
	served, ok := versions[group][kind]
	if others, own := otherKinds[group]; !ok && own && !slices.Contains(others, kind) {
		return classUnknown, fmt.Sprintf("%s has no kind %s%s", group, kind, DidYouMean(kind, slices.Sorted(maps.Keys(versions[group]))))
	}
	if !ok {
		return classOther, ""
	}
	if !strings.Contains(" "+served+" ", " "+version+" ") {
		return classUnknown, fmt.Sprintf("apiVersion %s of %s is not served; use %s/%s", apiVersion, kind, group, strings.Fields(served)[0])
	}
	return classPolicy, ""
}

// misspelt tells of a policy kind under a group that has no version, or almost the name of the kind's own.
func misspelt(apiVersion, group, kind string) string {
	for _, own := range slices.Sorted(maps.Keys(versions)) {
		served, ok := versions[own][kind]
		version := own + "/" + strings.Fields(served + " v1")[0]
		switch {
		case !ok:
		case apiVersion == own:
			return fmt.Sprintf("apiVersion %s of %s has no version; use %s", apiVersion, kind, version)
		case versions[group] == nil && group != "" && DidYouMean(group, []string{own}) != "":
			return fmt.Sprintf("no API group of a policy is called %s; use %s for %s", group, version, kind)
		}
	}
	return ""
}

// IsClientSide tells whether objects of an API version are read by a tool and stored by
// no cluster: kustomizations, test suites.
func IsClientSide(apiVersion string) bool {
	group, _ := path.Split(apiVersion)
	_, ok := clientSide[strings.TrimSuffix(group, "/")]
	return ok
}

// DidYouMean is a hint at the name in known that a misspelt word resembles; "" when none
// is near.
func DidYouMean(word string, known []string) string {
	best, distance := "", 1+len(word)/3
	for _, name := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (hint: did you mean %s?)", best)
}
